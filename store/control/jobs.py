"""Background work and its leases. Knows no kind of work."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import insert, or_, select, update

from store.control.database import Database
from store.control.rows import every, first, values
from store.control.schema import jobs
from store.errors import NotFound
from store.vocabulary import Job, JobKind, JobState


class JobTable(Database):
    """Jobs: inserted by the clock, leased and saved by whoever does them."""

    def add_job(self, job: Job, epoch: int) -> bool:
        """Write a new job; False where one of this kind, task and due time is there already."""
        same = (jobs.c.kind == job.kind.value) & (jobs.c.task_id == job.task_id) & (jobs.c.due == job.due)
        with self.writing(epoch) as connection:
            if connection.execute(select(jobs.c.job_id).where(same)).first() is not None:
                return False
            connection.execute(insert(jobs).values({**values(job), "lease_epoch": 0}))
            return True

    def lease(self, kind: JobKind, now: float, lease_s: float, epoch: int) -> Job | None:
        """Take the job that is due longest, until `now + lease_s`; None where there is none.

        A running job can be taken again when its lease ran out or when an earlier leader held it:
        that leader's processes ended with it.
        """
        abandoned = (jobs.c.state == JobState.RUNNING.value) & or_(
            jobs.c.lease_until <= now, jobs.c.lease_epoch < epoch
        )
        free = or_(jobs.c.state == JobState.QUEUED.value, abandoned)
        query = select(jobs).where(jobs.c.kind == kind.value, jobs.c.due <= now, free)
        with self.writing(epoch) as connection:
            job = first(connection, Job, query.order_by(jobs.c.due, jobs.c.created).limit(1))
            if job is None:
                return None
            taken = replace(
                job,
                state=JobState.RUNNING,
                attempts=job.attempts + 1,
                lease_until=now + lease_s,
                updated=now,
            )
            connection.execute(
                update(jobs)
                .where(jobs.c.job_id == job.job_id)
                .values({**values(taken), "lease_epoch": epoch})
            )
            return taken

    def save_job(self, job: Job, epoch: int) -> None:
        """Write a job as it is now."""
        with self.writing(epoch) as connection:
            done = connection.execute(update(jobs).where(jobs.c.job_id == job.job_id).values(values(job)))
            if done.rowcount == 0:
                raise NotFound(f"There is no job {job.job_id!r}.")

    def jobs(self, task_id: str | None = None) -> list[Job]:
        """Return jobs, oldest first."""
        query = select(jobs).order_by(jobs.c.created, jobs.c.job_id)
        if task_id is not None:
            query = query.where(jobs.c.task_id == task_id)
        with self.reading() as connection:
            return every(connection, Job, query)
