package fact

// Opt is an attribute that may be absent: what could not be determined is absent, never zero.
// The zero value is absent.
type Opt[T bool | int64 | string | []string] struct {
	value T
	known bool
}

// Known returns a present attribute.
func Known[T bool | int64 | string | []string](v T) Opt[T] { return Opt[T]{v, true} }

// Get returns the attribute and whether it is present.
func (o Opt[T]) Get() (T, bool) { return o.value, o.known }

// zero gives a value of the attribute's type, which tells that type by reflection.
func (o Opt[T]) zero() any { var v T; return v }

// optional tells an Opt from other types by reflection.
type optional interface{ zero() any }

// The fields of an Opt by their index, for reflection.
const (
	optValue = iota
	optKnown
)
