// Sends a video or settings to the server, asks it how far it is, and shows that.

import { Regions } from "./regions.js";
import { showEvents, showTimeline } from "./timeline.js";

const SOON_MS = 300;
const LATER_MS = 1500;
const RUNNING = ["preparing", "watching"];
const RESULTS = {
  "report.html": "Report",
  "events.json": "Events",
  "frames.csv": "Table of frames",
  "overlay.mp4": "Overlay video",
  "regions.json": "Regions",
};
const byId = (id) => document.getElementById(id);
const fields = [...byId("settings").querySelectorAll("[data-part]")];
const regions = new Regions();

let about = null;
let state = null;
let shown = ""; // what the pictures show: they change when it does
let told = "";
let timer = null;

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("No answer: does jvlgs serve still run in its terminal?");
  }
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error);
  return content;
}

async function attempt(action) {
  try {
    await action();
    byId("problem").hidden = true;
  } catch (error) {
    byId("problem").textContent = error.message;
    byId("problem").hidden = false;
  }
  refresh();
}

// Settings

function fill(settings) {
  for (const field of fields) {
    const value = settings[field.dataset.part]?.[field.id];
    if (value !== undefined) field.value = value;
  }
  const gated = about.defaults.rule.high !== undefined; // the published rule has no thresholds
  for (const id of ["gate", "gate-more"]) byId(id).hidden = !gated;
  showValues();
}

function showValues() {
  for (const output of byId("settings").querySelectorAll("output")) {
    output.value = Number(byId(output.htmlFor.value).value).toFixed(2);
  }
}

function wish() {
  const parts = { rule: {}, alarm: {}, camera: {}, regions: regions.any ? regions.polygons : {} };
  for (const field of fields) {
    const absent = about.defaults[field.dataset.part][field.id] === undefined;
    if (!absent && field.value !== "") parts[field.dataset.part][field.id] = Number(field.value);
  }
  return parts;
}

const send = (path, content) => ask(path, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(content),
});
const watch = () => send("api/watch", wish());

byId("settings").addEventListener("input", (event) => {
  const [low, high] = [byId("low"), byId("high")];
  if (Number(low.value) > Number(high.value)) (event.target === low ? high : low).value = event.target.value;
  showValues();
});
byId("settings").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(watch);
});
byId("reset").addEventListener("click", () => { fill(about.defaults); regions.set({}); });

// Video

function upload(file) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `api/video?name=${encodeURIComponent(file.name)}`);
    request.responseType = "json";
    request.upload.onprogress = (event) => { byId("sent").value = event.loaded / event.total; };
    request.onload = () => (request.status === 200 ? resolve() : reject(new Error(request.response?.error ?? "Refused.")));
    request.onerror = () => reject(new Error("The video was not taken: is it too large, or has jvlgs serve ended?"));
    request.send(file);
  });
}

function take(file) {
  if (!file) return;
  const limit = about.max_upload_mib;
  attempt(async () => {
    if (file.size > limit * 2 ** 20) throw new Error(`${file.name}: larger than ${limit} MiB: cut it, or start jvlgs serve with a higher --max-upload-mib`);
    byId("sent").hidden = false;
    try {
      await upload(file);
    } finally {
      byId("sent").hidden = true;
    }
    await watch();
  });
}

byId("file").addEventListener("change", (event) => take(event.target.files[0]));
byId("sample").addEventListener("click", () => attempt(async () => {
  await ask("api/sample", { method: "POST" });
  await watch();
}));
byId("camera").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    const fps = byId("fps").value;
    await send("api/camera", { address: byId("address").value, frames_per_second: fps === "" ? null : Number(fps) });
    await watch();
  });
});
byId("stop").addEventListener("click", () => attempt(() => ask("api/stop", { method: "POST" })));
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    byId("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") take(event.dataTransfer.files[0]);
  });
}

// What the server says

function show() {
  const { video, watch: seen, results } = state;
  byId("screen").hidden = video === null;
  byId("empty").hidden = video !== null;
  byId("quick").hidden = !video?.remembered;
  byId("apply").disabled = video === null;
  showPictures(video, seen, results);
  showProgress(video, seen);
  const rate = video?.frames_per_second ?? 1;
  const running = RUNNING.includes(seen?.stage);
  showTimeline(seen?.spans ?? [], running ? video.frame_count : 0, rate, seen?.evidence ?? null);
  showEvents(seen?.events ?? [], byId("replay").hidden ? null : seek);
  showResults(results);
  const notice = state.notices.at(-1) ?? "";
  byId("notice").hidden = notice === "";
  if (byId("notice").textContent !== notice) byId("notice").textContent = notice;
  byId("same").hidden = state.command === null;
  showCommand(state.command ?? []);
}

function showPictures(video, seen, results) {
  const now = JSON.stringify([video, seen?.stage, seen?.number, seen?.frames]);
  if (video === null || now === shown) return;
  shown = now;
  const replay = byId("replay");
  const over = results.includes("overlay.mp4");
  replay.hidden = !over;
  byId("picture").hidden = over;
  if (!over && seen === null && video.live) byId("picture").removeAttribute("src");
  else if (over) {
    replay.src = `results/overlay.mp4?show&watch=${seen.number}`;
  } else {
    replay.removeAttribute("src");
    const row = seen?.row;
    byId("picture").src = `api/picture.jpg?${encodeURIComponent(now)}`;
    byId("picture").alt = row ? `Frame ${row.frame} of ${video.name}, ${row.area_px} pixels marked` : `First frame of ${video.name}`;
  }
  regions.fit(video.width, video.height);
}

function showProgress(video, seen) {
  const running = RUNNING.includes(seen?.stage);
  byId("stop").hidden = !running;
  byId("progress").hidden = !running;
  if (running && video.frame_count && seen.frames) {
    byId("progress").max = video.frame_count;
    byId("progress").value = seen.frames;
  } else {
    byId("progress").removeAttribute("value"); // under way, nobody knows how far
  }
  const pace = seen?.rate ? `, ${seen.rate.toFixed(1)} frames a second` : "";
  const words = {
    preparing: "The network is being made ready. The first time takes a while …",
    watching: `Frame ${seen?.frames}${video?.frame_count ? ` of ${video.frame_count}` : ""}${pace}`,
    done: `${seen?.summary}${pace}`,
    stopped: `Stopped early: ${seen?.summary}`,
    failed: "",
  };
  byId("pace").textContent = seen ? words[seen.stage] : "";
  const verdict = byId("verdict");
  verdict.hidden = !seen || seen.stage === "preparing";
  verdict.classList.toggle("alarm", Boolean(seen?.alarms));
  byId("word").textContent = seen?.stage === "failed" ? "Failed." : `${seen?.verdict ?? ""}${running ? " so far" : ""}.`;
  // Read aloud when it changes, so it changes with the stage and with alarms, not with every frame.
  const news = { preparing: "", watching: "Watching.", done: "Done.", stopped: "Stopped early.", failed: seen?.problem };
  const tell = seen ? news[seen.stage] : "";
  if (tell !== told) byId("told").textContent = told = tell;
}

function showResults(results) {
  if (byId("results").children.length === results.length) return;
  const items = results.map((name) => {
    const item = document.createElement("li");
    const save = document.createElement("a");
    save.href = `results/${name}`;
    save.download = name;
    save.textContent = `${RESULTS[name]}: ${name}`;
    item.append(save);
    if (name === "report.html") {
      const open = document.createElement("a");
      open.href = `results/${name}?show`;
      open.target = "_blank";
      open.rel = "noopener";
      open.textContent = "Open the report";
      item.prepend(open);
    }
    return item;
  });
  byId("results").replaceChildren(...items);
  byId("no-results").hidden = items.length > 0;
}

function showCommand(words) {
  if (byId("command").textContent === words.join(" ")) return;
  const spans = words.map((word) => {
    const span = document.createElement("span");
    span.textContent = word;
    return span;
  });
  byId("command").replaceChildren(...spans.flatMap((span, index) => (index ? [" ", span] : [span])));
}

function seek(seconds) {
  byId("replay").currentTime = seconds;
  byId("replay").scrollIntoView({ block: "nearest" });
}

for (const id of ["probability", "area"]) {
  byId(id).addEventListener("click", (event) => {
    if (byId("replay").hidden) return;
    const box = byId(id).getBoundingClientRect();
    seek(((event.clientX - box.left) / box.width) * (state.watch.frames / state.video.frames_per_second));
  });
}

async function refresh() {
  clearTimeout(timer);
  try {
    state = await ask("api/state");
    show();
  } catch (error) {
    byId("problem").textContent = error.message;
    byId("problem").hidden = false;
  }
  clearTimeout(timer);
  timer = setTimeout(refresh, RUNNING.includes(state?.watch?.stage) ? SOON_MS : LATER_MS);
}

about = await ask("api/about");
state = await ask("api/state");
byId("model").textContent = `Model: ${about.model.name}, ${[about.model.input_size, about.model.coarse_size].filter(Boolean).map((size) => size.join(" x ")).join(" and ")} pixels. jvlgs_jax ${about.version}.`;
byId("limit").textContent = `Up to ${about.max_upload_mib} MiB. It stays on this machine.`;
fill({ ...about.defaults, ...state.wish });
regions.set(state.wish?.regions);
refresh();
