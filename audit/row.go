package audit

// A Row is what a [Sink] keeps of one entry. A sink knows nothing of its
// meaning: it stores the columns, finds rows by them, and gives back every byte
// as it was. It is an alias of a struct without a name, and its fields are of
// built-in types, so that a store's module keeps rows without importing this
// package.
//
// Writer and Seq together are unique. Bytes that are empty come back empty or
// nil.
type Row = struct {
	// Writer names the chain: one for each life of a process. 1 to 128
	// characters of ASCII, none of them a space or a control character.
	Writer string

	// Seq counts the rows of the writer from 1, without a gap.
	Seq int64

	// At is when it happened, in microseconds since 1970, UTC. It mostly grows
	// with Seq, and need not.
	At int64

	// Kind is what happened: 1 to 64 characters of ASCII.
	Kind string

	// Session is the ID of the session, or "": at most 64 characters of ASCII.
	Session string

	// Principal and Address are blind indexes: 16 bytes that are equal for
	// equal principals, and for equal addresses, and that name nobody without
	// the keys. Empty if there is none.
	Principal []byte
	Address   []byte

	// Body is the entry, in a form that only this package reads: at most
	// [MaxBody] bytes.
	Body []byte

	// MAC vouches for all of the above: 32 bytes.
	MAC []byte
}

// MaxBody is the length that a row's Body has at most, in bytes.
const MaxBody = 64 << 10

// A Query asks for rows in the order of time: of At, then Writer (by its
// bytes), then Seq. The zero value of a field asks for nothing; what is set has
// to hold all together.
type Query = struct {
	Kind      string
	Session   string
	Principal []byte // blind index
	Address   []byte // blind index
	Writer    string

	From  int64 // At is this or later, in microseconds since 1970
	Until int64 // At is earlier than this; 0: no bound

	// Oldest asks for the oldest rows first, instead of the newest.
	Oldest bool

	// AfterAt, AfterWriter and AfterSeq name the last row of the page before,
	// whether or not it is still there: rows come that follow it in the order
	// that is asked for. With AfterWriter "" the first page comes.
	AfterAt     int64
	AfterWriter string
	AfterSeq    int64

	// Limit is how many rows come at most: 1 to 1000.
	Limit int
}

// A Chain tells of one writer's rows, as they are stored.
type Chain = struct {
	Writer string
	First  int64 // the lowest Seq there is
	Last   int64 // the highest
}

// A Head is the last row of a chain, without its contents.
type Head = struct {
	Writer string
	Seq    int64
	At     int64
	MAC    []byte
}

// A WrappedKey is the key under which the personal part of somebody's entries
// is sealed, itself encrypted. When it is erased, nobody reads them again.
type WrappedKey = struct {
	// Owner names whose key it is, blindly: 1 to 32 bytes.
	Owner []byte

	// At is when it was made, in microseconds since 1970.
	At int64

	// Key is the encrypted key: at most 256 bytes.
	Key []byte
}
