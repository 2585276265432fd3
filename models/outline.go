package models

// Outline is Shape without reading the whole file for its digest: to tell people
// what a model would need, and never for an engine.
func (s *Shelf) Outline(p Passport) (Shape, error) {
	f, err := s.plain(fileName(p.Digest))
	if err != nil {
		return Shape{}, err
	}
	defer f.Close()
	at, _, err := stampOf(f)
	if err != nil {
		return Shape{}, err
	}
	s.mu.Lock()
	shape, ok := s.shapes[at]
	s.mu.Unlock()
	if ok {
		return shape, nil
	}
	h, err := checkModel("model "+p.Name, f, at.Size)
	if err != nil {
		return Shape{}, err
	}
	return s.shape(at, h), nil
}
