package learn

// Neighbours asks the K nearest rows, nearer ones with more weight. Columns count
// by how many standard deviations two rows are apart.
//
// Cover and Hart, "Nearest neighbor pattern classification", IEEE Transactions on
// Information Theory 13 (1967); Dudani, "The distance-weighted k-nearest-neighbor
// rule", IEEE Transactions on Systems, Man and Cybernetics 6 (1976). On cumulative
// curves: Panchenko et al., "Website fingerprinting at Internet scale", NDSS 2016.
type Neighbours struct {
	K int // 15
}

type neighboursKey struct{}

// Fit keeps the rows.
func (n Neighbours) Fit(s Set, _ uint64) Model {
	t, known := s.shared()
	sp := of(t, neighboursKey{}, func() *space {
		sp := &space{scaled: scaled{make([]float64, len(t.x[0])), make([]float64, len(t.x[0]))}}
		for j, col := range columns(t.x) {
			sp.spread(j, j+1, col)
		}
		sp.fill(t.x)
		sp.from = func(z []float64) func(int, float64) float64 {
			return func(i int, far float64) (d float64) {
				r := sp.rows[i]
				for j := 0; j < len(z) && d < far; j++ {
					d += (z[j] - r[j]) * (z[j] - r[j])
				}
				return d
			}
		}
		return sp
	})
	return sp.voters(n.K, s, known)
}
