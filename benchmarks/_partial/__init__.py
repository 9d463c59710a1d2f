"""The partial cutover on real data: answers with their confidence, and a rollout played over them."""
