package demo

// suggest says to each person three things to try.
func (f *filling) suggest() {
	x := f.demo
	flip := Try{"Download the credential of the router 4.2.0, flip a byte of it, and let probat-verify read INVALID.", Place{Release: x.Before, Credential: x.Valid}}
	compare := Try{"Compare the router 4.2.1 with 4.2.0: what was mended, what was broken, and by which file.", Place{Release: x.Current, Against: x.Before}}
	revoked := Try{"Look at a credential that was revoked, and at what its vendor said.", Place{Release: x.Switch, Credential: x.Revoked}}
	disputed := Try{"Read what vendor, lab and an operator say about a finding that is disputed, and answer.", x.Disputed}
	things := map[string][]Try{
		"Mara Quill": {disputed, compare, flip},
		"Tom Ferris": {
			{"Open the release that is under embargo: who of the lab looks at it, and nobody else sees that it is there.", Place{Release: x.Embargoed}}, compare, flip,
		},
		"Ines Valdo": {revoked, {"See which operator may look at the switch, and at what level.", Place{Release: x.Switch}}, flip},
		"Rolf Aske": {
			{"Open a service that has no artifact: its release is a period, and its declaration is what is judged.", Place{Release: x.Service}},
			{"Go through what fails in the baseband, to the bytes that decide.", Place{Release: x.Baseband}},
			flip,
		},
		"Ada Lindqvist": {
			{"Assign the release under embargo to somebody; its owner reads who looks.", Place{Release: x.Embargoed}},
			{"Let yourself see a release without being assigned: for a reason, for a time.", Place{Release: x.Baseband}},
			flip,
		},
		"Bela Moravec": {
			{"Try to agree to a credential of the router 4.2.1: you have judged there, so another has to.", Place{Release: x.Current}}, disputed, flip,
		},
		"Chidi Okafor": {
			{"Judge what waits for a person: whether the router boots from anything but its flash. Then countersign the other test.", x.Waiting}, compare, flip,
		},
		"Dana Weiss": {
			{"Look at the one release that you were assigned to: as a reader you see all of it and act on nothing.", Place{Release: x.Current}}, disputed, flip,
		},
		"Nora Stern": {
			{"See the risk that you accepted: it is shown and counted, and the verdict stays.", x.Accepted},
			{"Open the router 4.2.1 at level verdict: you see what fails and not where.", Place{Release: x.Current}},
			flip,
		},
		"Samir Haddad": {disputed, {"Browse the tree of the router 4.2.1, to the line that decides.", Place{Release: x.Current}}, flip},
		"Regina Holt": {
			{"Compare the vendors by the same bar: all releases, also the one under embargo, at level verdict.", Place{Release: x.Embargoed}}, revoked, flip,
		},
	}
	for i := range x.People {
		x.People[i].Try = things[x.People[i].Name]
	}
}
