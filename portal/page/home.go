package page

import "time"

// Home is "/": who the reader is, what to try, what waits.
type Home struct {
	Shell
	Party, Role, Person string
	Class               string // vendor, lab, operator, regulator
	Demo                string // a notice line for the demo, may be empty
	Tries               []Try  // up to three
	Waiting             []Task
	WaitingMore         Link // the whole inbox
}

// Try is a thing that a newcomer can do here.
type Try struct {
	Title, Words string
	Link         Link
}

// Task waits for somebody: a line of the inbox, by its clock.
type Task struct {
	What, URL string
	About     string // release, requirement
	AboutURL  string
	Who       string // who must move next
	Due       time.Time
	Mine      bool // it is the reader who must move
	Since     time.Time
}
