package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"
)

// Job is one evaluation: its inputs are fixed when it is queued.
type Job struct {
	ID       string          `json:"id"`
	Release  string          `json:"release_id"`
	State    string          `json:"state"` // queued, running, done, failed, cancelled
	Inputs   json.RawMessage `json:"inputs"`
	Person   string          `json:"person_id"`
	Created  time.Time       `json:"created,omitzero"`
	Started  time.Time       `json:"started,omitzero"`
	Finished time.Time       `json:"finished,omitzero"`
	Tries    int             `json:"tries"`
	Dossier  string          `json:"dossier_id"`
	Error    string          `json:"error,omitempty"`
	Result   string          `json:"-"`
}

// AddJob queues a job.
func (r *Records) AddJob(ctx context.Context, tx *sql.Tx, j Job) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO jobs (id, release_id, state, inputs, person_id, created, started, finished, worker, lease, tries, dossier_id, result, error)
		VALUES ($1, $2, 'queued', $3, $4, $5, 0, 0, '', 0, 0, '', '', '')`, j.ID, j.Release, string(j.Inputs), j.Person, j.Created.Unix())
	return err
}

const jobColumns = `j.id, j.release_id, j.state, j.inputs, j.person_id, j.created, j.started, j.finished, j.tries, j.dossier_id, j.error, j.result`

func scanJob(scan func(...any) error, j *Job) error {
	var created, started, finished int64
	var inputs string
	err := scan(&j.ID, &j.Release, &j.State, &inputs, &j.Person, &created, &started, &finished, &j.Tries, &j.Dossier, &j.Error, &j.Result)
	j.Inputs, j.Created, j.Started, j.Finished = json.RawMessage(inputs), at(created), at(started), at(finished)
	return err
}

// Jobs returns a release's evaluations, newest first, for those who see all of it.
func (w *View) Jobs(ctx context.Context, release string) ([]Job, error) {
	return read(ctx, w, scanJob, `SELECT `+jobColumns+` FROM jobs j JOIN visible v ON v.release_id = j.release_id AND v.level >= 5 WHERE j.release_id = ?1 ORDER BY j.created DESC, j.id`, release)
}

// Job returns one of them.
func (w *View) Job(ctx context.Context, id string) (Job, error) {
	return one(read(ctx, w, scanJob, `SELECT `+jobColumns+` FROM jobs j JOIN visible v ON v.release_id = j.release_id AND v.level >= 5 WHERE j.id = ?1`, id))
}

// TakenJob returns a job to the worker that runs it.
func (r *Records) TakenJob(ctx context.Context, id, worker string) (Job, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT `+jobColumns+` FROM jobs j WHERE j.id = $1 AND j.worker = $2 AND j.state = 'running'`, id, worker)
	return one(all(rows, err, scanJob))
}

// Waiting returns the ids of jobs that are queued, or whose lease is over, the oldest first.
func (r *Records) Waiting(ctx context.Context, most int) ([]string, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT id FROM jobs WHERE state = 'queued' OR (state = 'running' AND lease <= $1) ORDER BY created, id LIMIT $2`, time.Now().UnixMilli(), most)
	return all(rows, err, func(scan func(...any) error, id *string) error { return scan(id) })
}

// Take claims a waiting job for a worker.
func (r *Records) Take(ctx context.Context, id, worker string, until time.Time) (bool, error) {
	now := time.Now()
	return r.changed(ctx, `UPDATE jobs SET state = 'running', worker = $2, lease = $3, started = $5, tries = tries + 1
		WHERE id = $1 AND (state = 'queued' OR (state = 'running' AND lease <= $4))`, id, worker, until.UnixMilli(), now.UnixMilli(), now.Unix())
}

// Extend is the heartbeat of a worker: it moves the end of its lease, also back to the present, unless that has passed already.
func (r *Records) Extend(ctx context.Context, id, worker string, until time.Time) (bool, error) {
	return r.changed(ctx, `UPDATE jobs SET lease = $3 WHERE id = $1 AND worker = $2 AND state = 'running' AND lease > $4`,
		id, worker, until.UnixMilli(), time.Now().UnixMilli())
}

func (r *Records) changed(ctx context.Context, text string, args ...any) (bool, error) {
	err := r.db.Tx(ctx, func(tx *sql.Tx) error { return exec(ctx, tx, text, args...) })
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// EndJob accepts a worker's result, once: ErrNotFound if the job is not the worker's any more. state is done or failed.
func (r *Records) EndJob(ctx context.Context, tx *sql.Tx, j Job, worker string, now time.Time) error {
	return exec(ctx, tx, `UPDATE jobs SET state = $3, finished = $4, dossier_id = $5, result = $6, error = $7 WHERE id = $1 AND worker = $2 AND state = 'running'`,
		j.ID, worker, j.State, now.Unix(), j.Dossier, j.Result, j.Error)
}

// CancelJob cancels what has not ended.
func (r *Records) CancelJob(ctx context.Context, tx *sql.Tx, id string, now time.Time) error {
	return exec(ctx, tx, `UPDATE jobs SET state = 'cancelled', finished = $2 WHERE id = $1 AND state IN ('queued', 'running')`, id, now.Unix())
}

// SameInputs returns the other jobs of a release that were done with the same inputs.
func SameInputs(ctx context.Context, tx *sql.Tx, release, inputs, but string) ([]Job, error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+jobColumns+` FROM jobs j WHERE j.release_id = $1 AND j.inputs = $2 AND j.state = 'done' AND j.id <> $3`, release, inputs, but)
	return all(rows, err, scanJob)
}

// Alarm is something that people must see.
type Alarm struct {
	ID      string    `json:"id"`
	Release string    `json:"release_id"`
	Text    string    `json:"text"`
	Made    time.Time `json:"made,omitzero"`
}

// AddAlarm writes one.
func (r *Records) AddAlarm(ctx context.Context, tx *sql.Tx, release, job, text string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO alarms (id, release_id, job_id, text, made) VALUES ($1, $2, $3, $4, $5)`, NewID(), release, job, text, now.Unix())
	return err
}

func scanAlarm(scan func(...any) error, a *Alarm) error {
	var made int64
	err := scan(&a.ID, &a.Release, &a.Text, &made)
	a.Made = at(made)
	return err
}

// Alarms returns those of a release, for those who see all of it.
func (w *View) Alarms(ctx context.Context, release string) ([]Alarm, error) {
	return read(ctx, w, scanAlarm, `SELECT a.id, a.release_id, a.text, a.made FROM alarms a JOIN visible v ON v.release_id = a.release_id AND v.level >= 5 WHERE a.release_id = ?1 ORDER BY a.made, a.id`, release)
}
