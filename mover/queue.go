package mover

import (
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// parkedFactor: while moves wait between two attempts, others may begin, up to this multiple of the limits per
// source and target. So one customer's endless request stops no drain, and a target that is away does not collect
// a thousand open moves.
const parkedFactor = 4

// queue is the work: the jobs that have begun, and the planned moves that have not. It belongs to the loop.
type queue struct {
	jobs    map[placement.Partition]*entry
	planned []placement.Move
	rests   map[placement.Partition]rest // after a move of the partition was undone
	pairs   map[[2]string]rest           // after a move between the two cells was undone, until one succeeds
}

// entry is a job with what the queue needs to know of it while a worker has a copy.
type entry struct {
	job
	running bool
	due     time.Time
}

// rest is how long something is left alone after failures.
type rest struct {
	failures int
	until    time.Time
}

func newQueue() *queue {
	return &queue{
		jobs: map[placement.Partition]*entry{}, rests: map[placement.Partition]rest{}, pairs: map[[2]string]rest{},
	}
}

// adopt takes in a move that the journal has open.
func (q *queue) adopt(mv registry.Move) {
	q.jobs[mv.Partition] = &entry{job: job{mv: mv, opened: true, wish: newWish()}}
}

// running counts the jobs that workers have, in all, by source and by target.
func (q *queue) running() (all int, from, to map[string]int) {
	return q.count(func(e *entry) bool { return e.running })
}

// begun counts the jobs that have begun and not ended, leaving out halted ones.
func (q *queue) begun() (all int, from, to map[string]int) {
	return q.count(func(e *entry) bool { return e.running || !e.halted })
}

func (q *queue) count(match func(*entry) bool) (all int, from, to map[string]int) {
	from, to = map[string]int{}, map[string]int{}
	for _, e := range q.jobs {
		if match(e) {
			all++
			from[e.mv.From]++
			to[e.mv.To]++
		}
	}
	return all, from, to
}

// next picks the job that a free worker should take: one that has begun and is due, those past the point of no
// return first; else the first planned move that may begin. Nil if there is none.
func (q *queue) next(cfg Config, now time.Time, mayBegin func(placement.Move) bool) *entry {
	all, from, to := q.running()
	if all >= cfg.Parallel {
		return nil
	}
	free := func(source, target string) bool { return from[source] < cfg.PerSource && to[target] < cfg.PerTarget }
	var best *entry
	for _, e := range q.jobs {
		if !e.running && !e.due.After(now) && free(e.mv.From, e.mv.To) && (best == nil || e.before(best)) {
			best = e
		}
	}
	if best != nil {
		return best
	}
	_, begunFrom, begunTo := q.begun()
	for i, mv := range q.planned {
		if _, busy := q.jobs[mv.Partition]; busy || !free(mv.From, mv.To) || q.resting(mv, now) {
			continue
		}
		if begunFrom[mv.From] >= parkedFactor*cfg.PerSource || begunTo[mv.To] >= parkedFactor*cfg.PerTarget || !mayBegin(mv) {
			continue
		}
		q.planned = append(q.planned[:i:i], q.planned[i+1:]...)
		e := &entry{job: job{mv: registry.Move{Partition: mv.Partition, From: mv.From, To: mv.To}, wish: newWish()}}
		q.jobs[mv.Partition] = e
		return e
	}
	return nil
}

// before orders jobs that are due; the partition decides in the end, so that the order is the same every time.
func (e *entry) before(other *entry) bool {
	if e.past != other.past {
		return e.past
	}
	if !e.due.Equal(other.due) {
		return e.due.Before(other.due)
	}
	return e.mv.Partition < other.mv.Partition
}

func (q *queue) resting(mv placement.Move, now time.Time) bool {
	return q.rests[mv.Partition].until.After(now) || q.pairs[[2]string{mv.From, mv.To}].until.After(now)
}

// ended forgets a job; what was undone rests.
func (q *queue) ended(mv registry.Move, cfg Config, now time.Time) {
	delete(q.jobs, mv.Partition)
	pair := [2]string{mv.From, mv.To}
	if mv.State != registry.MoveUndone {
		delete(q.rests, mv.Partition)
		delete(q.pairs, pair)
		return
	}
	again := func(r rest, forgiven int) rest {
		r.failures++
		if r.failures > forgiven {
			r.until = now.Add(growing(cfg.Rest, cfg.RestMax, r.failures-forgiven))
		}
		return r
	}
	q.rests[mv.Partition] = again(q.rests[mv.Partition], 0)
	q.pairs[pair] = again(q.pairs[pair], 2) // one partition's trouble is not the pair's
}

// spare lets what rests after a move rest no more.
func (q *queue) spare(mv registry.Move) {
	delete(q.rests, mv.Partition)
	delete(q.pairs, [2]string{mv.From, mv.To})
}

// asker is who asked for what has begun; false if nothing has.
func (q *queue) asker() (who string, ok bool) {
	for _, e := range q.jobs {
		who = max(who, e.mv.AskedBy) // any would do, but always the same one
	}
	return who, len(q.jobs) > 0
}

// idle: nothing has begun and nothing is planned.
func (q *queue) idle() bool { return len(q.jobs) == 0 && len(q.planned) == 0 }

// wake returns how long until the next pause of a job is over; at most limit.
func (q *queue) wake(now time.Time, limit time.Duration) time.Duration {
	for _, e := range q.jobs {
		if !e.running && e.due.After(now) {
			limit = min(limit, e.due.Sub(now))
		}
	}
	return limit
}

// target is the map as it will be when every job has ended: what to plan from.
func (q *queue) target(m *placement.Map) *placement.Map {
	for p, e := range q.jobs {
		if e.mv.State == registry.MoveUndoing {
			continue
		}
		epoch := e.mv.Epoch
		if epoch == 0 {
			epoch = m.Epoch() + 1 // not drawn yet; this map is only planned from
		}
		if next, err := m.WithOwner(p, e.mv.To, epoch); err == nil {
			m = next // an error means that the map has it already, or a later owner
		}
	}
	return m
}
