// Package demo fills a lab with what `probat serve --demo` shows: three vendors with their products, the lab's people, two operators and a
// regulator, and what they did with each other so far. All of it is fictional.
//
// Everything is done by the acts of package desk, as the people themselves would: nothing is written past them, so what the demonstration shows
// is what the lab does. Secrets (links, tokens) are the caller's business.
package demo
