package cite

// near finds the stretch of p that differs least from q, by at most a tenth of
// q's characters put in, left out or changed (Sellers, 1980). It ends with whole
// words.
func near(p, q []rune) (from, to int, ok bool) {
	most := len(q) / 10
	if most == 0 || len(p)*len(q) > mostWork {
		return 0, 0, false
	}
	// For each beginning of q: how much it differs from the best stretch of p that
	// ends here, and where that one begins.
	cost, begin := make([]int, len(q)+1), make([]int, len(q)+1)
	nextCost, nextBegin := make([]int, len(q)+1), make([]int, len(q)+1)
	for i := range cost {
		cost[i] = i
	}
	best := most + 1
	for j, r := range p {
		nextCost[0], nextBegin[0] = 0, j+1
		for i, x := range q {
			c, b := cost[i], begin[i]
			if x != r {
				c++
			}
			if put := cost[i+1] + 1; put < c { // r is not in q
				c, b = put, begin[i+1]
			}
			if left := nextCost[i] + 1; left < c { // x is not in p
				c, b = left, nextBegin[i]
			}
			nextCost[i+1], nextBegin[i+1] = c, b
		}
		cost, nextCost, begin, nextBegin = nextCost, cost, nextBegin, begin
		if c := cost[len(q)]; c < best {
			best, from, to, ok = c, begin[len(q)], j+1, true
		}
	}
	if !ok || from >= to {
		return 0, 0, false
	}
	for from > 0 && joined(p, from) {
		from--
	}
	for to < len(p) && joined(p, to) {
		to++
	}
	for from < to && p[from] == ' ' {
		from++
	}
	for to > from && p[to-1] == ' ' {
		to--
	}
	return from, to, from < to
}
