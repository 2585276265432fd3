package learn

import "math"

// ClopperPearson is the exact interval for the chance of something that happened
// k times in n, at confidence level from both sides. For a bound from above
// alone at 95 %, ask at 90 %.
//
// Clopper and Pearson, "The use of confidence or fiducial limits illustrated in
// the case of the binomial", Biometrika 26 (1934).
func ClopperPearson(k, n int, level float64) (low, high float64) {
	tail := (1 - level) / 2
	high = 1
	if n <= 0 {
		return 0, 1
	}
	if k > 0 {
		low = betaQuantile(tail, float64(k), float64(n-k+1))
	}
	if k < n {
		high = betaQuantile(1-tail, float64(k+1), float64(n-k))
	}
	return low, high
}

// betaQuantile finds x with betaCDF(x) = p by halving, to the last bit.
func betaQuantile(p, a, b float64) float64 {
	low, high := 0.0, 1.0
	for range 200 {
		m := (low + high) / 2
		if m <= low || m >= high {
			break
		}
		if betaCDF(m, a, b) < p {
			low = m
		} else {
			high = m
		}
	}
	return (low + high) / 2
}

// betaCDF is the regularised incomplete beta function, by the continued fraction
// of the NIST Digital Library of Mathematical Functions, 8.17.22, computed as in
// Lentz, "Generating Bessel functions in Mie scattering calculations using
// continued fractions", Applied Optics 15 (1976).
func betaCDF(x, a, b float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2): // the fraction converges fast on the other side
		return 1 - betaCDF(1-x, b, a)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny = 1e-300
	away := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/away(1-(a+b)*x/(a+1))
	f := d
	for m := 1.0; m < 10_000; m++ {
		e := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / away(1+e*d)
		c = away(1 + e/c)
		f *= c * d
		o := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / away(1+o*d)
		c = away(1 + o/c)
		step := c * d
		f *= step
		if math.Abs(step-1) < 1e-15 {
			break
		}
	}
	return front * f
}
