// Package tlsfiles makes TLS configurations of PEM files. A listener's certificate,
// key and authorities, and a client's certificate and key, may be replaced while the
// process runs: the next handshake takes them, and no connection ends. TLS 1.2 (RFC
// 5246) is spoken with forward secrecy and authenticated encryption alone, as RFC 9325
// asks for; TLS 1.3 (RFC 8446) where the other side can.
package tlsfiles
