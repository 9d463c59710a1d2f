"""Trainsets, students and evaluations. Knows no training."""

from __future__ import annotations

from sqlalchemy import select

from store.control.database import Database
from store.control.rows import every, first, upsert, values
from store.control.schema import evaluations, self_agreements, students, trainsets
from store.vocabulary import Evaluation, SelfAgreement, Student, Trainset


class LearningTables(Database):
    """What the slow path has made."""

    def trainsets(self, task_id: str) -> list[Trainset]:
        """Return a task's trainsets, oldest first."""
        query = select(trainsets).where(trainsets.c.task_id == task_id)
        with self.reading() as connection:
            return every(connection, Trainset, query.order_by(trainsets.c.created, trainsets.c.trainset_id))

    def save_trainset(self, trainset: Trainset, epoch: int) -> None:
        """Write a trainset."""
        with self.writing(epoch) as connection:
            upsert(connection, trainsets, values(trainset))

    def students(self, task_id: str | None = None) -> list[Student]:
        """Return the students of a task, or all of them, oldest first."""
        query = select(students).order_by(students.c.created, students.c.student_id)
        if task_id is not None:
            query = query.where(students.c.task_id == task_id)
        with self.reading() as connection:
            return every(connection, Student, query)

    def student(self, student_id: str) -> Student | None:
        """Return one student."""
        with self.reading() as connection:
            return first(connection, Student, select(students).where(students.c.student_id == student_id))

    def save_student(self, student: Student, epoch: int) -> None:
        """Write a student."""
        with self.writing(epoch) as connection:
            upsert(connection, students, values(student))

    def evaluations(self, student_id: str) -> list[Evaluation]:
        """Return a student's evaluations, oldest first."""
        query = select(evaluations).where(evaluations.c.student_id == student_id)
        with self.reading() as connection:
            return every(
                connection, Evaluation, query.order_by(evaluations.c.created, evaluations.c.evaluation_id)
            )

    def self_agreements(self, task_id: str) -> list[SelfAgreement]:
        """Return how far a task's teachers agree with themselves, oldest measurement first."""
        query = select(self_agreements).where(self_agreements.c.task_id == task_id)
        with self.reading() as connection:
            return every(connection, SelfAgreement, query.order_by(self_agreements.c.ts))

    def save_self_agreement(self, measured: SelfAgreement, epoch: int) -> None:
        """Write a measurement over the one of the same task version and metric."""
        with self.writing(epoch) as connection:
            upsert(connection, self_agreements, values(measured))

    def save_evaluation(self, evaluation: Evaluation, epoch: int) -> None:
        """Write an evaluation."""
        with self.writing(epoch) as connection:
            upsert(connection, evaluations, values(evaluation))
