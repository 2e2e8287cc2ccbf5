package grpcguard

import (
	"net/http"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/curfew-auth/curfew/guard"
)

// Domain is that of the ErrorInfo in a status.
const Domain = "curfew"

const retryAfter = time.Second

// StatusOf says how to answer an error of package guard: Unauthenticated,
// PermissionDenied, or Unavailable with a RetryInfo. The Reason of its
// ErrorInfo is the code that HTTP has too, such as token_revoked. As in
// [guard.RefusalOf], an error that is not known becomes Unavailable.
func StatusOf(err error) *status.Status {
	r := guard.RefusalOf(err)
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: r.Code, Domain: Domain}}
	code := codes.Unavailable
	switch r.Status {
	case http.StatusUnauthorized:
		code = codes.Unauthenticated
	case http.StatusForbidden:
		code = codes.PermissionDenied
	default:
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)})
	}
	plain := status.New(code, r.Title)
	if detailed, err := plain.WithDetails(details...); err == nil {
		return detailed
	}
	return plain
}
