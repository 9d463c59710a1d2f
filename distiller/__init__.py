"""The slow path: tasks, scores, trainsets, students. Knows no live request and no route."""
