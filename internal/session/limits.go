package session

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The sizes, in bytes, of what a client may say about itself.
const (
	maxDeviceText = 128
	maxIP         = 64
	maxUserAgent  = 512
	maxEventText  = 512
)

// check refuses a device that a session cannot carry.
func (d Device) check() error {
	switch d.Kind {
	case "", "web", "ios", "android", "desktop", "cli", "other":
	default:
		return fmt.Errorf("%w: kind must be web, ios, android, desktop, cli or other", ErrBadDevice)
	}
	for _, text := range [...]string{d.ID, d.Name} {
		if len(text) > maxDeviceText || !utf8.ValidString(text) {
			return fmt.Errorf("%w: id and name must be UTF-8 of at most %d bytes", ErrBadDevice, maxDeviceText)
		}
	}
	return nil
}

// checkDevice refuses a device that a login cannot come from.
func (s *Service) checkDevice(d Device) error {
	if s.config.BindDevice && d.ID == "" {
		return fmt.Errorf("%w: id is required", ErrBadDevice)
	}
	return d.check()
}

// clip shortens text that only informs, without splitting a character.
func clip(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "")
}
