// A player and a timeline under it, in step both ways. What it is told stands in player.py's `pack`; it tells Python
// of a selected stretch alone. The playhead follows the picture that is shown: requestVideoFrameCallback's mediaTime.

const LANE = 46, GAP = 8, TIMES = 26, FACE = 30, LEAST_VIEW_S = 0.2;
const SPEEDS = [1, 2, 4, 0.25, 0.5];
const DASHES = [[], [6, 3], [2, 3], [9, 3, 2, 3], [4, 4], [12, 4], [14, 2], [7, 2, 2, 2]];
const SURE_OF = [null, 1, 0.55]; // how strong a reading is drawn, by how many expressions it may be
const UNSURE = 0.3;

function unpack(text, Kind) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Kind(bytes.buffer);
}

function clock(time_s, places = 1) {
  const scale = 10 ** places;
  const units = Math.round(time_s * scale);
  const seconds = ((units / scale) % 60).toFixed(places).padStart(places ? 3 + places : 2, "0");
  const minutes = Math.floor(units / scale / 60);
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

const percent = (share) => `${Math.round(100 * share)}\u202f%`;

// The last position whose value is not above this one; -1 where there is none.
function lastUpTo(values, value) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1; else high = middle;
  }
  return low - 1;
}

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

class Player {
  constructor(box) {
    this.box = box;
    for (const name of ["video", "fault", "clock", "ground", "above", "hover", "legend", "lanes", "words"]) {
      this[name] = box.querySelector(name === "video" ? name : `.${name}`);
    }
    this.list = box.querySelector(".chapters ol");
    this.buttons = Object.fromEntries([...box.querySelectorAll("[data-do]")].map((one) => [one.dataset.do, one]));
    this.frame = 0;
    this.wanted = null;
    this.isSeeking = false;
    this.asLines = false;
    this.pointers = new Map();
    this.mode = null;
    this.listen();
  }

  // What Python says ------------------------------------------------------------------------------------------------

  update({ data, setStateValue }) {
    this.tell = setStateValue;
    if (data === this.data) return;
    const isNew = !this.data || this.data.video !== data.video || this.data.end_s !== data.end_s;
    this.data = data;
    this.times = unpack(data.times, Float64Array);
    this.looked = unpack(data.looked, Uint8Array);
    this.people = data.people.map((one) => this.lane(one));
    if (isNew) {
      [this.from, this.to] = [0, Math.max(data.end_s, LEAST_VIEW_S)];
      [this.span, this.frame, this.wanted] = [null, 0, null];
      this.load();
    }
    this.buttons.mute.hidden = !data.has_sound;
    this.fillLegend();
    this.fillChapters();
    this.fillTable();
    this.resize();
    this.show(this.frame);
  }

  lane(one) {
    const face = one.face ? new Image() : null;
    if (face) {
      face.onload = () => this.drawGround();
      face.src = one.face;
    }
    return {
      name: one.name,
      face,
      frames: unpack(one.frames, Int32Array),
      shares: unpack(one.shares, Uint8Array),
      sets: unpack(one.sets, Uint8Array),
      marks: unpack(one.marks, Uint8Array),
    };
  }

  load() {
    const { data, video } = this;
    video.hidden = !data.video;
    for (const name of ["play", "speed", "mute", "full"]) this.buttons[name].disabled = !data.video;
    this.fault.hidden = Boolean(data.video);
    this.fault.textContent = "There is no annotated video; the timeline works all the same.";
    this.isSeeking = false;
    if (!data.video) return;
    const base = window.__streamlit?.BACKEND_BASE_URL;
    video.src = base ? new URL(data.video, base).href : data.video;
    video.setAttribute("aria-label", `${data.name}, with what was read drawn on it`);
    video.style.aspectRatio = data.size_wh.join(" / ");
  }

  fillLegend() {
    this.legend.replaceChildren(...this.data.classes.map((one) => {
      const entry = element("span");
      const dot = element("i");
      dot.style.background = one.colour;
      dot.style.borderColor = one.edge;
      entry.append(dot, one.name);
      return entry;
    }));
  }

  fillChapters() {
    this.list.replaceChildren(...this.data.chapters.map(([start_s, , title]) => {
      const item = element("li");
      const button = element("button", undefined, { type: "button" });
      button.append(element("span", clock(start_s, 0)), element("span", title));
      button.onclick = () => this.seekTime(start_s);
      item.append(button);
      return item;
    }));
  }

  fillTable() {
    const place = this.words.querySelector("div");
    place.replaceChildren();
    if (!this.words.open) return;
    const { spells, nobody, not_looked_at: skipped } = this.data;
    const rows = [
      ...spells.map(([who, what, start_s, end_s, sure]) => [start_s, end_s, who, what, percent(sure)]),
      ...nobody.map(([start_s, end_s]) => [start_s, end_s, "nobody seen", "", ""]),
      ...skipped.map(([start_s, end_s]) => [start_s, end_s, "not looked at", "", ""]),
    ].sort((one, other) => one[0] - other[0]);
    const table = element("table");
    table.append(element("caption", "Who showed what, and when"));
    const head = element("tr");
    for (const title of ["From", "Until", "Who", "Expression", "Mean probability"]) {
      head.append(element("th", title, { scope: "col" }));
    }
    table.append(head);
    for (const [start_s, end_s, ...rest] of rows) {
      const row = element("tr");
      for (const cell of [clock(start_s), clock(end_s), ...rest]) row.append(element("td", cell));
      table.append(row);
    }
    place.append(table);
  }

  // Time and frames ---------------------------------------------------------------------------------------------------

  frameAt(time_s) {
    return Math.max(0, lastUpTo(this.times, time_s + 1e-6));
  }

  nearest(time_s) {
    const before = this.frameAt(time_s);
    const isNext = before + 1 < this.times.length && this.times[before + 1] - time_s < time_s - this.times[before];
    return before + (isNext ? 1 : 0);
  }

  endOf(frame) {
    return frame + 1 < this.times.length ? this.times[frame + 1] : this.data.end_s;
  }

  seekTime(time_s) {
    this.seek(this.frameAt(time_s));
  }

  seek(frame) {
    if (!this.times.length) return;
    const target = Math.min(this.times.length - 1, Math.max(0, frame));
    if (!this.data.video) {
      this.show(target);
      return;
    }
    this.wanted = target;
    this.drawAbove();
    if (!this.isSeeking) this.go();
  }

  go() {
    if (this.video.readyState < 1) return; // loadedmetadata comes back here
    this.isSeeking = true;
    this.asked = this.wanted;
    // The middle of a frame's time shows this frame, however times are rounded.
    this.video.currentTime = (this.times[this.asked] + this.endOf(this.asked)) / 2;
  }

  step(frames) {
    this.video.pause();
    this.seek((this.wanted ?? this.frame) + frames);
  }

  chapter(direction) {
    const starts = this.data.chapters.map(([start_s]) => start_s);
    const now = this.times[this.wanted ?? this.frame];
    const current = Math.max(0, lastUpTo(starts, now + 1e-6));
    const isInside = direction < 0 && now - starts[current] > 1;
    const next = isInside ? current : current + direction;
    if (next >= 0 && next < starts.length) this.seekTime(starts[next]);
  }

  // The frame that is shown.
  show(frame) {
    if (!this.times.length) return;
    this.frame = frame;
    if (!this.isSeeking) this.wanted = null;
    const time_s = this.times[frame];
    this.box.dataset.frame = frame;
    this.clock.replaceChildren(
      `${clock(time_s, 2)} of ${clock(this.data.end_s)}`,
      element("span", `, frame ${frame}`),
    );
    if (!this.video.paused && (time_s < this.from || time_s > this.to)) this.look(time_s, this.to - this.from);
    const chapter = lastUpTo(this.data.chapters.map(([start_s]) => start_s), time_s + 1e-6);
    if (chapter !== this.currentChapter) this.mark(chapter);
    if (this.video.paused) this.describe();
    this.drawAbove();
  }

  mark(chapter) {
    this.currentChapter = chapter;
    [...this.list.querySelectorAll("button")].forEach((button, i) => {
      button.setAttribute("aria-current", String(i === chapter));
      if (i !== chapter) return;
      const scroller = this.list.scrollHeight > this.list.clientHeight ? this.list : this.list.parentElement;
      const [top, bottom] = [button.offsetTop, button.offsetTop + button.offsetHeight];
      if (top < scroller.scrollTop) scroller.scrollTop = top;
      if (bottom > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = bottom - scroller.clientHeight;
    });
  }

  describe() {
    const time_s = this.times[this.frame];
    const said = this.people.map((lane) => this.reading(lane, this.frame)).filter(Boolean);
    this.above.setAttribute("aria-valuemin", "0");
    this.above.setAttribute("aria-valuemax", this.data.end_s.toFixed(2));
    this.above.setAttribute("aria-valuenow", time_s.toFixed(2));
    this.above.setAttribute("aria-valuetext", `${clock(time_s)}. ${said.join("; ") || "Nobody seen"}`);
  }

  // What is read of somebody in a frame, in words; "" where they are not seen.
  reading(lane, frame) {
    const place = lastUpTo(lane.frames, frame);
    if (place < 0 || lane.frames[place] !== frame) return "";
    const count = this.data.classes.length;
    const ranked = this.data.classes
      .map((one, i) => [lane.shares[place * count + i] / 255, one.name])
      .sort((one, other) => other[0] - one[0]);
    const size = lane.sets[place];
    const words = ranked.slice(0, 3).filter(([share]) => share >= 0.1).map(([share, name]) => `${name} ${percent(share)}`);
    const notes = [
      size > 1 && `unsure: ${ranked.slice(0, size).map(([, name]) => name).join(" or ")}`,
      lane.marks[place] & 1 && "seen badly",
      lane.marks[place] & 2 && "between two looks",
    ].filter(Boolean);
    return `${lane.name}: ${words.join(", ")}${notes.length ? ` (${notes.join(", ")})` : ""}`;
  }

  // Drawing -------------------------------------------------------------------------------------------------------------

  resize() {
    const width = this.lanes.clientWidth;
    if (!width || !this.data) return;
    const height = TIMES + Math.max(1, this.people.length) * (LANE + GAP) + GAP;
    this.left = width < 520 ? 56 : 108;
    [this.width, this.height] = [width, height];
    const scale = window.devicePixelRatio || 1;
    for (const canvas of [this.ground, this.above]) {
      canvas.style.height = `${height}px`;
      [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
      canvas.getContext("2d").setTransform(scale, 0, 0, scale, 0, 0);
    }
    this.drawGround();
  }

  x(time_s) {
    return this.left + ((time_s - this.from) / (this.to - this.from)) * (this.width - this.left);
  }

  time(x) {
    const share = (x - this.left) / (this.width - this.left);
    return Math.min(this.data.end_s, Math.max(0, this.from + share * (this.to - this.from)));
  }

  top(lane) {
    return TIMES + GAP + lane * (LANE + GAP);
  }

  drawGround() {
    if (!this.width) return;
    const style = getComputedStyle(this.box);
    this.ink = style.color;
    this.paper = style.getPropertyValue("--st-secondary-background-color");
    this.accent = style.getPropertyValue("--st-primary-color");
    this.font = style.fontFamily;
    const pen = this.ground.getContext("2d");
    pen.clearRect(0, 0, this.width, this.height);
    this.drawTimes(pen);
    this.people.forEach((lane, i) => {
      pen.fillStyle = this.paper;
      pen.fillRect(this.left, this.top(i), this.width - this.left, LANE);
      this.drawName(pen, lane, this.top(i));
    });
    pen.save();
    pen.beginPath();
    pen.rect(this.left, TIMES, this.width - this.left, this.height);
    pen.clip();
    this.people.forEach((lane, i) => {
      if (this.asLines) this.drawLines(pen, lane, this.top(i)); else this.drawShares(pen, lane, this.top(i));
    });
    for (const [start_s, end_s] of this.data.nobody) {
      pen.fillStyle = this.ink;
      pen.globalAlpha = 0.12;
      pen.fillRect(this.x(start_s), TIMES, Math.max(1, this.x(end_s) - this.x(start_s)), this.height);
    }
    pen.globalAlpha = 1;
    for (const [start_s, end_s] of this.data.not_looked_at) {
      this.hatch(pen, this.x(start_s), TIMES, Math.max(1, this.x(end_s) - this.x(start_s)), this.height, 0.3);
    }
    pen.restore();
    if (!this.people.length) {
      pen.fillStyle = this.ink;
      pen.font = `14px ${this.font}`;
      pen.fillText("No face was found.", this.left + 8, this.top(0) + LANE / 2);
    }
    this.drawAbove();
  }

  drawTimes(pen) {
    const room = (this.width - this.left) / 72;
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];
    const step = steps.find((one) => (this.to - this.from) / one <= room) ?? 7200;
    pen.fillStyle = this.ink;
    pen.font = `12px ${this.font}`;
    pen.textBaseline = "middle";
    for (let i = Math.ceil(this.from / step); i * step <= this.to; i++) {
      const x = this.x(i * step);
      pen.fillRect(x, TIMES - 6, 1, 6);
      const words = clock(i * step, step < 1 ? 1 : 0);
      pen.textAlign = x + pen.measureText(words).width / 2 > this.width - 2 ? "right" : "center";
      pen.fillText(words, x, TIMES / 2 - 2);
    }
    pen.textAlign = "left";
    pen.fillText("Time", 6, TIMES / 2 - 2);
  }

  drawName(pen, lane, y) {
    if (lane.face?.complete && lane.face.naturalWidth) pen.drawImage(lane.face, 6, y + (LANE - FACE) / 2, FACE, FACE);
    pen.save();
    pen.beginPath();
    pen.rect(0, y, this.left - 4, LANE);
    pen.clip();
    pen.fillStyle = this.ink;
    pen.font = `13px ${this.font}`;
    pen.fillText(lane.name, FACE + 12, y + LANE / 2);
    pen.restore();
  }

  // One column of pixels after another: the mean of what lies in it, which the next one overwrites, or null where the
  // person is not seen.
  *columns(lane) {
    const count = this.data.classes.length;
    const mean = new Float32Array(count);
    const step = (this.to - this.from) / (this.width - this.left);
    let next = Math.max(0, lastUpTo(lane.frames, this.frameAt(this.from) - 1) + 1);
    for (let x = Math.floor(this.left); x < this.width; x++) {
      const start_s = this.from + (x - this.left) * step;
      if (start_s >= this.data.end_s) return;
      const first = this.frameAt(start_s);
      const last = Math.max(first, this.frameAt(start_s + step - 1e-6));
      while (next < lane.frames.length && lane.frames[next] < first) next++;
      let [n, sure, bad] = [0, 0, 0];
      mean.fill(0);
      for (let i = next; i < lane.frames.length && lane.frames[i] <= last; i++, n++) {
        for (let c = 0; c < count; c++) mean[c] += lane.shares[i * count + c];
        const top = lane.sets[i] ? 0 : Math.max(...lane.shares.subarray(i * count, (i + 1) * count)) / 255;
        sure += lane.sets[i] ? SURE_OF[lane.sets[i]] ?? UNSURE : top;
        bad += lane.marks[i] & 1;
      }
      if (n) for (let c = 0; c < count; c++) mean[c] /= 255 * n;
      yield { x, mean: n ? mean : null, sure: sure / n, isBad: 2 * bad > n };
    }
  }

  drawShares(pen, lane, y) {
    let bad = null;
    for (const { x, mean, sure, isBad } of this.columns(lane)) {
      if (bad !== null && !(mean && isBad)) {
        this.hatch(pen, bad, y, x - bad, LANE, 0.45);
        bad = null;
      }
      if (!mean) continue;
      if (isBad && bad === null) bad = x;
      pen.globalAlpha = Math.max(UNSURE, sure);
      let height = LANE;
      mean.forEach((share, c) => {
        pen.fillStyle = this.data.classes[c].colour;
        pen.fillRect(x, y + height - share * LANE, 1, share * LANE);
        height -= share * LANE;
      });
      pen.globalAlpha = 1;
    }
    if (bad !== null) this.hatch(pen, bad, y, this.width - bad, LANE, 0.45);
  }

  drawLines(pen, lane, y) {
    const columns = [];
    for (const one of this.columns(lane)) columns.push({ ...one, mean: one.mean && Float32Array.from(one.mean) });
    this.data.classes.forEach((shown, c) => {
      pen.strokeStyle = shown.colour;
      pen.lineWidth = 1.75;
      pen.setLineDash(DASHES[c % DASHES.length]);
      pen.beginPath();
      let isOpen = false;
      for (const { x, mean } of columns) {
        if (!mean) {
          isOpen = false;
          continue;
        }
        const height = y + 1 + (1 - mean[c]) * (LANE - 2);
        if (isOpen) pen.lineTo(x, height); else pen.moveTo(x, height);
        isOpen = true;
      }
      pen.stroke();
    });
    pen.setLineDash([]);
    let bad = null;
    for (const { x, mean, isBad } of [...columns, { x: this.width, mean: null }]) {
      if (mean && isBad) bad ??= x;
      else if (bad !== null) {
        this.hatch(pen, bad, y, x - bad, LANE, 0.3);
        bad = null;
      }
    }
  }

  hatch(pen, x, y, width, height, strength) {
    pen.save();
    pen.beginPath();
    pen.rect(x, y, width, height);
    pen.clip();
    pen.strokeStyle = this.ink;
    pen.globalAlpha = strength;
    pen.lineWidth = 1;
    pen.beginPath();
    for (let start = Math.floor((x - height) / 7) * 7; start < x + width; start += 7) {
      pen.moveTo(start, y + height);
      pen.lineTo(start + height, y);
    }
    pen.stroke();
    pen.restore();
  }

  drawAbove() {
    if (!this.width || !this.times.length) return;
    const pen = this.above.getContext("2d");
    pen.clearRect(0, 0, this.width, this.height);
    pen.save();
    pen.beginPath();
    pen.rect(this.left, 0, this.width - this.left, this.height);
    pen.clip();
    if (this.span) {
      const [start, end] = this.span.map((time_s) => this.x(time_s));
      pen.fillStyle = this.accent;
      pen.globalAlpha = 0.3;
      pen.fillRect(start, 0, end - start, TIMES);
      pen.globalAlpha = 1;
      for (const x of [start, end]) pen.fillRect(x - 0.5, 0, 1, this.height);
    }
    const x = this.x(this.times[this.wanted ?? this.frame]);
    pen.fillStyle = this.ink;
    pen.fillRect(x - 1, 0, 2, this.height);
    pen.beginPath();
    pen.moveTo(x - 6, 0);
    pen.lineTo(x + 6, 0);
    pen.lineTo(x, 8);
    pen.fill();
    pen.restore();
  }

  // What somebody does ------------------------------------------------------------------------------------------------

  // Look at so many seconds around this time, which stays at this share of the width.
  look(time_s, length_s, share = 0.05) {
    const whole_s = Math.max(this.data.end_s, LEAST_VIEW_S);
    const length = Math.min(whole_s, Math.max(LEAST_VIEW_S, length_s));
    this.from = Math.min(whole_s - length, Math.max(0, time_s - share * length));
    this.to = this.from + length;
    this.drawGround();
  }

  zoom(factor, x = null) {
    const time_s = x === null ? this.times[this.wanted ?? this.frame] : this.time(x);
    const share = Math.min(1, Math.max(0, (time_s - this.from) / (this.to - this.from)));
    this.look(time_s, (this.to - this.from) * factor, share);
  }

  select(span) {
    this.span = span;
    this.drawAbove();
    this.tell("span", span);
  }

  // Begin or end of the selected stretch at the frame that is shown, or about to be.
  selectFrom(which) {
    const frame = this.wanted ?? this.frame;
    const [start_s, end_s] = this.span ?? [0, this.data.end_s];
    const span = which === "start" ? [this.times[frame], end_s] : [start_s, this.endOf(frame)];
    if (span[0] < span[1]) this.select(span);
  }

  toggle() {
    if (!this.data.video) return;
    if (this.video.paused) this.video.play().catch(() => {}); else this.video.pause();
  }

  act(name) {
    switch (name) {
      case "play": return this.toggle();
      case "back": return this.step(-1);
      case "on": return this.step(1);
      case "speed": {
        const next = SPEEDS[(SPEEDS.indexOf(this.video.playbackRate) + 1) % SPEEDS.length];
        this.video.playbackRate = next;
        this.buttons.speed.textContent = `${next}\u00d7`;
        return undefined;
      }
      case "mute":
        this.video.muted = !this.video.muted;
        return this.buttons.mute.setAttribute("aria-pressed", String(this.video.muted));
      case "full":
        return document.fullscreenElement ? document.exitFullscreen() : this.video.parentElement.requestFullscreen();
      case "way":
        this.asLines = !this.asLines;
        this.buttons.way.setAttribute("aria-pressed", String(this.asLines));
        return this.drawGround();
      case "in": return this.zoom(0.5);
      case "out": return this.zoom(2);
      default: return this.look(0, this.data.end_s);
    }
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isButton = event.target.closest?.("button, summary");
    const second = (direction) => this.seekTime(
      Math.max(0, (this.times[this.wanted ?? this.frame] ?? 0) + direction),
    );
    const actions = {
      " ": () => this.toggle(),
      ArrowLeft: () => (event.shiftKey ? second(-1) : this.step(-1)),
      ArrowRight: () => (event.shiftKey ? second(1) : this.step(1)),
      ArrowUp: () => this.chapter(-1),
      ArrowDown: () => this.chapter(1),
      Home: () => this.seek(0),
      End: () => this.seek(this.times.length - 1),
      "+": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      "[": () => this.selectFrom("start"),
      "]": () => this.selectFrom("end"),
      Escape: () => this.span && this.select(null),
    };
    if (!actions[event.key] || (isButton && event.key === " ") || event.target.closest?.(".words")) return;
    event.preventDefault();
    event.stopPropagation();
    actions[event.key]();
  }

  place(event) {
    const box = this.above.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  down(event) {
    this.above.focus({ preventScroll: true });
    this.above.setPointerCapture(event.pointerId);
    const [x, y] = this.place(event);
    this.pointers.set(event.pointerId, x);
    if (this.pointers.size === 2) {
      const [one, other] = [...this.pointers.values()];
      this.mode = "pinch";
      this.pinch = { apart: Math.max(8, Math.abs(one - other)), length: this.to - this.from };
      return;
    }
    this.mode = y < TIMES ? "span" : "seek";
    this.startX = x;
    if (this.mode === "seek") {
      this.video.pause();
      this.seekTime(this.time(x));
    }
  }

  move(event) {
    const [x, y] = this.place(event);
    if (this.pointers.has(event.pointerId)) this.pointers.set(event.pointerId, x);
    if (this.mode === "pinch" && this.pointers.size === 2) {
      const [one, other] = [...this.pointers.values()];
      const middle = (one + other) / 2;
      const share = (middle - this.left) / (this.width - this.left);
      const length = (this.pinch.length * this.pinch.apart) / Math.max(8, Math.abs(one - other));
      this.look(this.time(middle), length, share);
    } else if (this.mode === "seek") {
      this.seekTime(this.time(x));
    } else if (this.mode === "span" && Math.abs(x - this.startX) > 3) {
      this.span = [this.time(Math.min(x, this.startX)), this.time(Math.max(x, this.startX))];
      this.drawAbove();
    }
    this.tellWhat(x, y);
  }

  up(event) {
    const [x] = this.place(event);
    this.pointers.delete(event.pointerId);
    if (this.mode === "span" && event.type === "pointerup") {
      if (Math.abs(x - this.startX) > 3) this.select(this.span);
      else {
        if (this.span) this.select(null);
        this.seekTime(this.time(x));
      }
    }
    this.mode = null;
  }

  wheel(event) {
    const hasFocus = this.above.getRootNode().activeElement === this.above;
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || (hasFocus && event.shiftKey)) {
      const length = this.to - this.from;
      this.look(this.from + ((event.deltaX || event.deltaY) / this.width) * length, length, 0);
    } else if (event.ctrlKey || hasFocus) this.zoom(Math.exp(event.deltaY / 400), this.place(event)[0]);
    else return;
    event.preventDefault();
  }

  tellWhat(x, y) {
    const lane = Math.floor((y - TIMES - GAP / 2) / (LANE + GAP));
    const { hover } = this;
    hover.hidden = x < this.left || !this.times.length;
    if (hover.hidden) return;
    const time_s = this.time(x);
    const frame = this.frameAt(time_s);
    const somebody = this.people[lane];
    const unseen = this.looked[frame] ? "not seen" : "not looked at";
    const words = somebody ? this.reading(somebody, frame) || `${somebody.name}: ${unseen}` : `frame ${frame}`;
    hover.textContent = `${clock(time_s, 2)} \u00b7 ${words}`;
    const right = Math.max(0, this.width - hover.offsetWidth - 4);
    hover.style.left = `${Math.min(right, x + 12)}px`;
    hover.style.top = `${Math.min(this.height - hover.offsetHeight - 2, Math.max(TIMES + 2, y + 14))}px`;
  }

  listen() {
    const { video, above, box } = this;
    const heard = new AbortController();
    const on = (target, names, act, options = {}) => {
      for (const name of names.split(" ")) target.addEventListener(name, act, { ...options, signal: heard.signal });
    };
    on(box, "keydown", (event) => this.key(event));
    for (const [name, button] of Object.entries(this.buttons)) on(button, "click", () => this.act(name));
    on(this.words, "toggle", () => this.fillTable());
    on(above, "pointerdown", (event) => this.down(event));
    on(above, "pointermove", (event) => this.move(event));
    on(above, "pointerup pointercancel", (event) => this.up(event));
    on(above, "pointerleave", () => { this.hover.hidden = true; });
    on(above, "wheel", (event) => this.wheel(event), { passive: false });
    on(video, "click", () => this.toggle());
    on(video, "play pause ended", () => {
      this.buttons.play.textContent = video.paused ? "\u25b6" : "\u275a\u275a";
      this.buttons.play.setAttribute("aria-label", video.paused ? "Play" : "Pause");
      if (video.paused) this.describe();
    });
    on(video, "loadedmetadata", () => this.wanted !== null && this.go());
    on(video, "seeked", () => {
      this.isSeeking = false;
      if (this.wanted !== null && this.wanted !== this.asked) this.go();
      else if (this.wanted === this.frame) this.wanted = null;
    });
    on(video, "error", () => {
      this.fault.hidden = false;
      this.fault.textContent = "The annotated video cannot be played any more; load this page again.";
    });
    if (video.requestVideoFrameCallback) {
      const follow = (now, { mediaTime }) => {
        this.show(this.nearest(mediaTime));
        video.requestVideoFrameCallback(follow);
      };
      video.requestVideoFrameCallback(follow);
    } else on(video, "timeupdate", () => this.show(this.frameAt(video.currentTime)));
    const sizes = new ResizeObserver(() => this.resize());
    sizes.observe(this.lanes);
    // The theme may change at any time: a colour that changes ends a transition, however short.
    box.style.transition = "color 1ms";
    on(box, "transitionend", (event) => event.target === box && this.drawGround());
    this.end = () => {
      heard.abort();
      sizes.disconnect();
      video.removeAttribute("src");
      video.load();
    };
  }
}

export default function watch(component) {
  const box = component.parentElement.querySelector(".watch");
  box.player ??= new Player(box);
  box.player.update(component);
  // Streamlit also cleans up between two calls for the same box.
  return () => setTimeout(() => {
    if (!box.isConnected) box.player.end();
  });
}
