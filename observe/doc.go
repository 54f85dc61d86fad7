// Package observe runs observers: the code that looks and records facts. It holds the two contracts and the running of them; the observers
// themselves live in packages below, one a subject, as plain values of type Observer.
//
// An observer states what is so and knows no policy. It does no input or output of its own, keeps nothing between calls, and
// what it returns depends on nothing but what it is given.
package observe

// Version is raised when the same tree and the same records would give other facts: where they are placed, what hides what. Whoever keeps
// facts for another time keeps it with them.
const Version = 1
