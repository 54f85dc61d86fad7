package draw

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestFairShare: all together keep to the room, and one more for each would not.
func TestFairShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := rapid.SliceOfN(rapid.IntRange(1, 50), 1, 20).Draw(t, "counts")
		room := rapid.IntRange(len(counts), 200).Draw(t, "room")
		share := fairShare(slices.Clone(counts), room)
		sum := func(most int) (n int) {
			for _, c := range counts {
				n += min(c, most)
			}
			return n
		}
		if sum(share) > room || share < slices.Max(counts) && sum(share+1) <= room {
			t.Fatalf("of %v at most %d each are %d, the room is %d", counts, share, sum(share), room)
		}
	})
}
