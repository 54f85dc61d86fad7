// Package portal is the lab's server as people and programs meet it: pages, API and events over package desk. It decides nothing about who sees or may
// do what: it finds out who asks, and asks desk as them. It reads rows through their View only.
package portal
