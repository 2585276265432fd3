package engine

// Leave ends every worker of a person, idle or at work, for their vault was
// locked and a worker's memory holds their words. It does not wait for the
// processes to be gone; answers in the making end as if the engine closed.
func (e *Engine) Leave(person Person) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, s := range e.seats {
		if k.person == person && s.worker != nil {
			s.worker.stop(errDone)
		}
	}
}
