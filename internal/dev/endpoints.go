package dev

// endpoints is what endpoints.json says, for scripts and tests.
type endpoints struct {
	Router    string            `json:"router"`
	Admin     string            `json:"admin"`
	Consul    string            `json:"consul"`
	Postgres  string            `json:"postgres"` // a superuser's, on the database that holds the cells' schemas
	Processes []endpointProcess `json:"processes"`
}

type endpointProcess struct {
	Name    string `json:"name"`
	PID     int    `json:"pid"` // 0: it is down
	Address string `json:"address"`
}

// writeEndpoints brings endpoints.json up to date; before the system is ready and once it stops there is none.
func (s *supervisor) writeEndpoints() error {
	url := s.databaseURL()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ready || s.stopping {
		return nil
	}
	e := endpoints{
		Router: visit(s.cfg.RouterAddr), Admin: visit(s.cfg.AdminAddr), Consul: visit(s.cfg.ConsulAddr), Postgres: url,
	}
	for _, p := range s.parts {
		pid := 0
		if c := s.children[p.name]; c != nil && c.proc.End() == "" {
			pid = c.proc.PID()
		}
		e.Processes = append(e.Processes, endpointProcess{p.name, pid, p.where()})
	}
	return writeJSON(s.cfg.path("endpoints.json"), e)
}
