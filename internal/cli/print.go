package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

const (
	formatTable = "table"
	formatJSON  = "json"
)

// A printer writes results.
type printer struct {
	json bool
	w    io.Writer
}

func newPrinter(format string, w io.Writer) (printer, error) {
	if format != formatTable && format != formatJSON {
		return printer{}, usage("--output: want table or json")
	}
	return printer{json: format == formatJSON, w: w}, nil
}

// print writes v as JSON, or the rows, of which the first is the heading.
func (p printer) print(v any, rows [][]string) error {
	if p.json {
		enc := json.NewEncoder(p.w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	}
	return writeTable(p.w, rows)
}

func writeTable(w io.Writer, rows [][]string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = printable(cell)
		}
		if _, err := fmt.Fprintln(tw, strings.TrimRight(strings.Join(cells, "\t"), "\t")); err != nil {
			return err
		}
	}
	return tw.Flush()
}

// printable keeps what others chose from steering the terminal: control
// characters, also those that turn text around, become question marks.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}

// or is the text, or a dash for none.
func or(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// at is a time as a table shows it.
func at(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func ms(n float64) string { return fmt.Sprintf("%.1f ms", n) }
