package journal

// entries is an append-only list that a reader gets as one slice. Appending
// never moves what is there, however long the list: what is new goes into pieces
// of their own, and is moved behind the rest only when a reader asks for it.
type entries struct {
	whole  []Entry
	pieces [][]Entry // after whole; only the last has room
	n      int
}

// The first piece after whole is small, so that a reader who follows closely
// does not make large ones that are moved at once.
const firstPiece, largestPiece = 16, 1024

func (l *entries) add(e *Entry) {
	l.n++
	if len(l.pieces) == 0 {
		if len(l.whole) < cap(l.whole) {
			l.whole = append(l.whole, *e)
			return
		}
		l.pieces = append(l.pieces, make([]Entry, 0, firstPiece))
	}
	last := len(l.pieces) - 1
	if piece := l.pieces[last]; len(piece) == cap(piece) {
		l.pieces = append(l.pieces, make([]Entry, 0, min(2*cap(piece), largestPiece)))
		last++
	}
	l.pieces[last] = append(l.pieces[last], *e)
}

// all are the entries so far, as a slice that is never changed.
func (l *entries) all() []Entry {
	for _, piece := range l.pieces {
		l.whole = append(l.whole, piece...)
	}
	l.pieces = nil
	return l.whole[:len(l.whole):len(l.whole)]
}
