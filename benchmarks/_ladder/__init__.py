"""Parts of the benchmark `ladder`: tasks with right answers, a house to distil them in, a student's test."""
