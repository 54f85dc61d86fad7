package draft

import (
	"encoding/json"

	"github.com/gowebpki/jcs"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/seal/examine"
)

// maxItem bounds an item, in bytes: what can be disclosed on its own has a bound (package credential), and one finding in thousands of places
// must not keep a dossier from being sealed.
const maxItem = 200 << 10

// itemText returns an item as it is sealed, in at most most bytes. A finding that is larger loses its last places, and says how many; whatever
// else is larger is there by its digest only.
func itemText(i examine.Item, raw json.RawMessage, most int) (string, error) {
	text, err := canonicalItem(i)
	if err != nil || len(text) <= most {
		return text, err
	}
	var value map[string]any
	var places []json.RawMessage
	var parts struct {
		Places *[]json.RawMessage `json:"places"`
	}
	parts.Places = &places
	if json.Unmarshal(raw, &value) == nil && json.Unmarshal(raw, &parts) == nil && len(places) > 1 {
		keep, room := 0, most-(len(text)-len(raw))-len(`,"placesLeftOut":1000000`)
		value["places"] = []json.RawMessage{}
		if rest, err := json.Marshal(value); err == nil {
			room -= len(rest)
		}
		for keep < len(places) && len(places[keep])+1 <= room {
			room -= len(places[keep]) + 1
			keep++
		}
		value["places"], value["placesLeftOut"] = places[:keep], len(places)-keep
		i.Value = value
		if text, err = canonicalItem(i); err != nil || len(text) <= most {
			return text, err
		}
	}
	i.Value = map[string]any{"digest": dossier.Digest(raw), "size": len(raw)}
	return canonicalItem(i)
}

func canonicalItem(i examine.Item) (string, error) {
	text, err := json.Marshal(i)
	if err != nil {
		return "", err
	}
	text, err = jcs.Transform(text)
	return string(text), err
}
