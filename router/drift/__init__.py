"""What changes around a student while it serves: its inputs, the answers' shape, the teacher. Knows no state of a rollout."""
