package service

import (
	"context"
	"strings"

	"github.com/probat-lab/probat/observe"
)

// setting is one assignment of a unit file.
type setting struct {
	section, key, value string
	line                observe.Line // where it begins
}

// unitFile is a unit file, or a drop-in of one, as written (systemd.syntax(7)).
type unitFile struct {
	settings []setting
	faults   []int64 // lines that are neither setting nor section
}

// maxFaults is how many bad lines of a file are kept; each hides the same kind.
const maxFaults = 20

func parseUnit(ctx context.Context, b []byte) (any, error) {
	if err := observe.CheckText(b); err != nil {
		return nil, err
	}
	u := &unitFile{}
	section := ""
	var joined strings.Builder // a setting that goes on, and where it began
	var begin observe.Line
	going := false
	for l := range observe.Lines(b) {
		if l.Number&0xfff == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		text := strings.TrimSpace(l.Text)
		comment := text == "" || text[0] == '#' || text[0] == ';'
		if comment && (!going || text != "") {
			continue // also between the lines of one setting
		}
		if !going {
			begin = l
		}
		if more, ok := strings.CutSuffix(text, `\`); ok {
			joined.WriteString(more + " ")
			going = true
			continue
		}
		if going {
			joined.WriteString(text)
			text = strings.TrimSpace(joined.String())
			joined.Reset()
			going = false
		}
		section = u.line(section, text, begin)
	}
	if going {
		u.line(section, strings.TrimSpace(joined.String()), begin)
	}
	return u, nil
}

// line takes one line that is put together and returns the section that the next one stands in.
func (u *unitFile) line(section, text string, at observe.Line) string {
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		return text[1 : len(text)-1]
	}
	key, value, ok := strings.Cut(text, "=")
	key = strings.TrimSpace(key)
	if !ok || key == "" || section == "" {
		if len(u.faults) < maxFaults {
			u.faults = append(u.faults, at.Number)
		}
		return section
	}
	u.settings = append(u.settings, setting{section, key, strings.TrimSpace(value), at})
	return section
}
