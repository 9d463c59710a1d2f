"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const KEY = "stillhouse-token";
  const PERIOD = 2000;
  let token = sessionStorage.getItem(KEY) || "";
  let timer = 0;

  // A token in the fragment never leaves the browser; it is taken out of the address at once.
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    token = given;
    sessionStorage.setItem(KEY, token);
    history.replaceState(null, "", location.pathname);
  }

  const make = (tag, name, text) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const whole = (n) => (n == null ? "–" : Math.round(n).toLocaleString("en"));
  const counted = (n, what) => `${whole(n)} ${what}${n === 1 ? "" : "s"}`;
  const percent = (x, digits = 0) => (x == null ? "–" : `${(100 * x).toFixed(digits)}%`);
  const money = (x) => {
    if (x == null) return "–";
    if (x === 0) return "$0";
    if (x < 0.0001) return "<$0.0001";
    return `$${x.toLocaleString("en", x < 0.01 ? { maximumFractionDigits: 4, minimumFractionDigits: 4 } : { maximumFractionDigits: 2, minimumFractionDigits: 2 })}`;
  };
  const size = (n) => {
    if (n == null) return "";
    const units = ["B", "kB", "MB", "GB", "TB"];
    let i = 0;
    while (n >= 1000 && i < units.length - 1) { n /= 1000; i += 1; }
    return `${n.toFixed(i ? 1 : 0)} ${units[i]}`;
  };
  const span = (s) => {
    if (s == null) return "";
    if (s < 90) return `${Math.max(0, Math.round(s))} s`;
    return s < 5400 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
  };
  const words = (state) => String(state).replaceAll("_", " ");
  const tone = (state) => {
    if (state === "full") return "good";
    if (["rolled_back", "rolling_back", "rejected", "hold", "inconclusive"].includes(state)) return "bad";
    return ["collecting", "ready"].includes(state) ? "" : "move";
  };

  const meter = (left, right, part, kind) => {
    const box = make("div", "meter");
    const row = make("div", "row");
    row.append(make("span", "", left), make("span", "", right));
    const bar = make("div", `bar ${kind || ""}`);
    const fill = make("i");
    fill.style.width = `${Math.max(0, Math.min(1, part || 0)) * 100}%`;
    bar.append(fill);
    box.append(row, bar);
    return box;
  };

  const opened = new Set(); // the tasks whose lineage is being read: each poll draws the page anew
  const lineage = (t) => {
    const box = make("details", "quiet");
    box.open = opened.has(t.task_id);
    box.addEventListener("toggle", () => opened[box.open ? "add" : "delete"](t.task_id));
    const versions = counted(t.versions.length, "version");
    box.append(make("summary", "", `${t.name || t.task_id}: ${versions}, ${counted(t.trials, "trial")}`));
    const list = make("ul");
    for (const v of t.versions) {
      const came = v.moved_from ? `, was ${v.moved_from}` : "";
      const since = new Date(v.created * 1000).toLocaleString();
      list.append(make("li", "", `version ${v.version} since ${since}, ${counted(v.fingerprints, "fingerprint")}${came}`));
    }
    for (const h of t.history) list.append(make("li", "", `${new Date(h.ts * 1000).toLocaleString()}: ${h.sentence}`));
    box.append(list);
    return box;
  };

  const task = (t) => {
    const card = make("article", "card");
    const head = make("div", "row");
    head.append(make("h3", "", t.name || t.task_id), make("span", `state ${tone(t.state)}`, words(t.state)));
    card.append(head);
    const facts = [`${whole(t.calls)} calls`, `mode ${t.mode}`];
    if (t.teacher_score != null) facts.push(`teacher scores ${percent(t.teacher_score, 1)}`);
    card.append(make("div", "quiet", facts.join(" · ")));
    if (t.rollout_id) card.append(meter("answered by the student", percent(t.share), t.share, "good"));
    if (t.evidence) {
      const e = t.evidence;
      const bound = e.lower == null ? "" : `, difference at least ${(100 * e.lower).toFixed(1)} points`;
      const gate = t.state === "full" ? `compared at full cutover: ${whole(e.pairs)} pairs${bound}` : `evidence to the next gate: ${whole(e.pairs)} of at least ${whole(e.minimum)} pairs${bound}`;
      card.append(meter(gate, percent(e.part), e.part));
    }
    if (t.deferred) card.append(make("p", "quiet", t.deferred.words));
    if (!t.rollout_id && t.readiness && t.readiness.length) {
      const list = make("ul", "checks");
      for (const check of t.readiness) list.append(make("li", check.ok ? "done" : "", check.words));
      card.append(list);
    }
    if (t.why) card.append(make("p", "quiet", t.why));
    card.append(lineage(t));
    return card;
  };

  const job = (j) => {
    const card = make("article", "card");
    const p = j.progress || {};
    const eta = p.eta_s == null ? "" : `about ${span(p.eta_s)} left`;
    const head = make("div", "row");
    head.append(make("h3", "", `${j.kind} ${j.name || j.task_id}`), make("span", "state move", words(j.phase || j.state)));
    card.append(head);
    const step = p.of ? `${words(p.doing || j.phase || "")} ${whole(p.step)} of ${whole(p.of)}` : words(p.doing || j.phase || j.state);
    card.append(meter(step, eta, p.of ? p.step / p.of : 0));
    return card;
  };

  const decision = (d) => {
    const line = make("li");
    const when = make("time", "", new Date(d.ts * 1000).toLocaleTimeString());
    line.append(when, make("b", "", `${d.name || d.task_id}: ${words(d.source)} → ${words(d.target)}. `), make("span", "", d.why));
    return line;
  };

  const fill = (id, items, draw, empty) => {
    const nodes = items.map(draw);
    at(id).replaceChildren(...(nodes.length ? nodes : [make("p", "empty", empty)]));
  };

  const show = (s) => {
    at("gate").hidden = true;
    at("house").hidden = false;
    at("stopped").hidden = !s.students_stopped;
    at("calls").textContent = whole(s.calls);
    at("rate").textContent = whole(s.last_hour.calls);
    at("by-students").textContent = percent(s.last_hour.student_share);
    at("spent").textContent = money(s.spent_usd);
    fill("tasks", s.tasks, task, "No task yet. Calls that repeat their instructions become a task.");
    const alone = s.left_alone.map((t) => `${t.name || t.task_id} ${t.why}`).join("; ");
    at("left-alone").textContent = alone ? `Left alone: ${alone}.` : "";
    fill("jobs", s.jobs, job, "Nothing is being trained.");
    fill("decisions", s.decisions, decision, "No decision yet.");
    at("base-url").textContent = s.base_url || "OPENAI_BASE_URL";
    at("folder").textContent = s.data;
    at("disk").textContent = size(s.disk_bytes);
  };

  const pulse = (kind, text) => {
    at("pulse").className = `pulse ${kind}`;
    at("pulse").textContent = text;
  };

  const ask = (sentence) => {
    at("house").hidden = true;
    at("gate").hidden = false;
    at("refused").textContent = sentence || "";
    pulse("", "locked");
    at("token").focus();
  };

  const poll = async () => {
    clearTimeout(timer);
    if (!token) { ask(); return; }
    try {
      const answer = await fetch("/api/status", { headers: { authorization: `Bearer ${token}` } });
      if (answer.status === 401) {
        sessionStorage.removeItem(KEY);
        token = "";
        ask("This token is not the one of this data folder.");
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      show(await answer.json());
      pulse("live", "live");
    } catch {
      pulse("lost", "control does not answer; calls are still served");
    }
    timer = setTimeout(poll, PERIOD);
  };

  at("enter").addEventListener("submit", (event) => {
    event.preventDefault();
    token = at("token").value.trim();
    at("token").value = "";
    sessionStorage.setItem(KEY, token);
    poll();
  });
  poll();
})();
