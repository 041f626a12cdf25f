// The course of a video as two plots and a list of what happened.

const SVG = "http://www.w3.org/2000/svg";
const TICKS = 5;
const ENDINGS = {
  "gas gone": "gas was no longer seen",
  "camera moved": "the camera moved",
  "video ended": "the video ended",
};
const byId = (id) => document.getElementById(id);

export function clock(seconds) {
  const tenths = Math.round(10 * seconds);
  const [hours, minutes, rest] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60, tenths % 600];
  const short = `${String(Math.floor(rest / 10)).padStart(2, "0")}.${rest % 10}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${short}` : `${minutes}:${short}`;
}

// spans: [frames, largest probability, area share, alarm, suspended]; total: frames that the plot is wide.
export function showTimeline(spans, total, rate, level) {
  const frames = spans.reduce((sum, span) => sum + span[0], 0);
  const width = Math.max(total, frames, 1);
  const most = Math.max(0, ...spans.map((span) => span[2]));
  const highest = Math.max(0, ...spans.map((span) => span[1]));
  byId("scale").textContent = most ? `${(100 * most).toFixed(2)}% of the picture` : "…";
  const told = (text) => (frames ? `Curve over time, ${clock(frames / rate)} so far. ${text}` : "Nothing yet");
  plot(byId("probability"), spans, width, (span) => span[1], level, told(`The largest is ${highest.toFixed(2)}.`));
  plot(byId("area"), spans, width, (span) => span[2] / (most || 1), null,
    told(most ? `The largest is ${(100 * most).toFixed(2)}% of the picture.` : "Nothing is marked."));
  const ticks = Array.from({ length: TICKS }, (_, index) => {
    const tick = document.createElement("span");
    tick.textContent = clock((width / rate) * (index / (TICKS - 1)));
    return tick;
  });
  byId("ticks").replaceChildren(...(frames ? ticks : []));
}

function plot(svg, spans, width, value, level, told) {
  svg.setAttribute("viewBox", `0 0 ${width} 100`);
  svg.setAttribute("aria-label", told);
  const shapes = [];
  const add = (name, attributes) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, each] of Object.entries(attributes)) element.setAttribute(key, each);
    shapes.push(element);
  };
  for (const [index, kind, edge] of [[4, "suspended", 96], [3, "alarmed", 0]]) {
    for (const [x, length] of runs(spans, index)) {
      add("rect", { class: `${kind} shade`, x, y: 0, width: length, height: 100 });
      add("rect", { class: kind, x, y: edge, width: length, height: 4 });
    }
  }
  const columns = spans.map((span) => `V${(100 * (1 - value(span))).toFixed(2)}h${span[0]}`);
  if (spans.length) add("path", { class: "curve", d: `M0 100${columns.join("")}V100Z` });
  if (level !== null) add("path", { class: "level", d: `M0 ${100 * (1 - level)}H${width}` });
  svg.replaceChildren(...shapes);
}

function runs(spans, index) {
  const found = [];
  let first = 0;
  for (const span of spans) {
    const last = found.at(-1);
    if (span[index] && last && last[0] + last[1] === first) last[1] += span[0];
    else if (span[index]) found.push([first, span[0]]);
    first += span[0];
  }
  return found;
}

// events: of the state, oldest first; seek: shows a time of the video, null while that is not possible.
export function showEvents(events, seek) {
  const things = new Map(); // the later news of a thing tells all of it
  for (const event of events) {
    const alarm = event.event.startsWith("alarm");
    things.set(alarm ? `alarm ${event.number}` : `camera ${event.start_frame}`, { ...event, alarm });
  }
  const items = [...things.values()].map((thing) => {
    const item = document.createElement("li");
    item.className = thing.alarm ? "alarm" : "moved";
    item.append(thing.alarm ? alarmText(thing) : motionText(thing));
    if (seek !== null) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Show";
      button.setAttribute("aria-label", thing.alarm ? `Show alarm ${thing.number}` : `Show ${clock(thing.start_s)}`);
      button.addEventListener("click", () => seek(thing.alarm ? thing.peak_s : thing.start_s));
      item.append(button);
    }
    return item;
  });
  byId("events").replaceChildren(...items);
  byId("nothing").hidden = items.length > 0;
}

function alarmText(alarm) {
  const largest = `largest area ${alarm.peak_area_px} pixels at ${clock(alarm.peak_s)}`;
  if (alarm.ended_by === null) return `Alarm ${alarm.number}: since ${clock(alarm.start_s)}`;
  return `Alarm ${alarm.number}: ${clock(alarm.start_s)} to ${clock(alarm.end_s)}, ${largest}; ended as ${ENDINGS[alarm.ended_by]}`;
}

function motionText(motion) {
  if (motion.event === "camera_moved") return `The camera moves since ${clock(motion.start_s)}`;
  return `The camera moved: ${clock(motion.start_s)} to ${clock(motion.end_s)}`;
}
