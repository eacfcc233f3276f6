package catalog

// Cardinality says how many rows of the target one row of the origin has.
type Cardinality uint8

// The four ways in which two relations belong together.
const (
	ManyToOne Cardinality = iota
	OneToOne
	OneToMany
	ManyToMany
)

// String is the name that errors use.
func (c Cardinality) String() string {
	return [...]string{"many-to-one", "one-to-one", "one-to-many", "many-to-many"}[c]
}

// Link is one way from a relation to another, both in the same schema.
type Link struct {
	Cardinality Cardinality
	// Inverse tells that the foreign key leads here: it is the target's.
	Inverse bool
	// Constraint is the foreign key's name.
	Constraint     string
	Origin, Target *Relation
	// Pairs are equal columns of origin and target; of a many-to-many they are
	// in Junction.
	Pairs    []Pair
	Junction *Junction
	// Function computes the target's rows from a row of the origin, instead of
	// keys; it names the link.
	Function *Computed
}

// Pair is a column of the origin and the column of the target that it equals.
type Pair struct{ Origin, Target string }

// Junction is the relation in the middle of a many-to-many.
type Junction struct {
	Relation *Relation
	// To the origin and to the target; the first column is the junction's.
	OriginConstraint, TargetConstraint string
	OriginPairs, TargetPairs           []Pair
}

// Computed is a function from a row to rows.
type Computed struct {
	Schema, Name string
	Single       bool
}

// Linked tells that the relation belongs together with others, whether they can be
// embedded or only a junction that is not exposed leads there.
func (r *Relation) Linked() bool { return len(r.Links) > 0 || r.hidden }

// Self tells a link from a relation to itself.
func (l *Link) Self() bool { return l.Origin == l.Target }

// ToOne tells that there is at most one row of the target.
func (l *Link) ToOne() bool {
	if l.Function != nil {
		return l.Function.Single
	}
	return l.Cardinality == ManyToOne || l.Cardinality == OneToOne
}
