"""What is watched beside the scores, and what makes scores trustworthy. Knows no store and no state machine."""
