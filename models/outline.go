package models

// Outline is Shape without reading the whole file for its digest: to tell people
// what a model would need, and never for an engine.
func (s *Shelf) Outline(p Passport) (Shape, error) {
	f, err := s.plain(fileName(p.Digest))
	if err != nil {
		return Shape{}, err
	}
	defer f.Close()
	return s.shapeIn(f, p)
}
