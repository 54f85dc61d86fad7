package strictyaml

import "strings"

// A Speller suggests what a word was probably meant to be. Its zero value is ready to use.
type Speller struct{ asked int }

const (
	maxSuggestions = 1000 // a Speller stops after so many: most would never be shown
	maxCandidates  = 64   // longer lists are not gone through
)

// Nearest returns the candidate that s was probably meant to be, or nothing.
func (p *Speller) Nearest(s string, candidates []string) string {
	if p.asked++; p.asked > maxSuggestions || len(s) > 64 || len(candidates) > maxCandidates {
		return ""
	}
	best, distance := "", max(1, len(s)/3)+1
	for _, c := range candidates {
		if len(s) >= 3 && strings.HasPrefix(c, s) {
			return c
		}
		if len(c) > 64 {
			continue
		}
		if d := editDistance(s, c); d < distance && d < len(s) {
			best, distance = c, d
		}
	}
	return best
}

// editDistance counts the letters to insert, delete, replace or swap with the next one to get from a to b, ignoring case
// and the difference of '-' and '_'.
func editDistance(a, b string) int {
	fold := strings.NewReplacer("_", "-", " ", "-")
	x, y := fold.Replace(strings.ToLower(a)), fold.Replace(strings.ToLower(b))
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}

// Nearest returns the candidate that word was probably meant to be, or nothing.
func Nearest(word string, candidates []string) string { return (&Speller{}).Nearest(word, candidates) }
