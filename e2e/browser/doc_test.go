// Package browser_test drives a real browser, headless Chromium, through an
// issuer and two edges that stand under one origin: what a user of a web page
// sees of sessions.
package browser_test
