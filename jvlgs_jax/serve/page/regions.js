// Polygons over the picture: drawn with a pointer, or written as text; { include: [...], exclude: [...] } in pixels.

const SVG = "http://www.w3.org/2000/svg";
const KINDS = ["include", "exclude"];
const WORDS = { include: "watch", exclude: "ignore" };
const byId = (id) => document.getElementById(id);

export class Regions {
  constructor() {
    this.polygons = { include: [], exclude: [] };
    this.size = null; // [width, height] of the video
    this.kind = null; // of the polygon that is being drawn
    this.corners = [];
    for (const kind of KINDS) byId(kind).addEventListener("click", () => this.begin(this.kind === kind ? null : kind));
    byId("layer").addEventListener("click", (event) => this.addCorner(event));
    byId("close-polygon").addEventListener("click", () => this.close());
    byId("undo-corner").addEventListener("click", () => { this.corners.pop(); this.show(); });
    byId("cancel-polygon").addEventListener("click", () => this.begin(null));
    byId("use-text").addEventListener("click", () => this.readText());
    document.addEventListener("keydown", (event) => {
      if (this.kind !== null && event.key === "Escape") this.begin(null);
    });
  }

  get any() {
    return KINDS.some((kind) => this.polygons[kind].length > 0);
  }

  set(polygons) {
    this.polygons = { include: polygons?.include ?? [], exclude: polygons?.exclude ?? [] };
    this.begin(null);
  }

  fit(width, height) {
    this.size = [width, height];
    byId("layer").setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.show();
  }

  begin(kind) {
    this.kind = kind;
    this.corners = [];
    this.show();
    if (kind !== null) byId("screen").scrollIntoView({ block: "nearest" });
  }

  addCorner(event) {
    if (this.kind === null || this.size === null) return;
    const box = byId("layer").getBoundingClientRect();
    const at = (offset, length, pixels) => Math.round(Math.min(Math.max(offset / length, 0), 1) * pixels);
    this.corners.push([
      at(event.clientX - box.left, box.width, this.size[0]),
      at(event.clientY - box.top, box.height, this.size[1]),
    ]);
    this.show();
  }

  close() {
    if (this.corners.length < 3) return;
    this.polygons[this.kind].push(this.corners);
    this.begin(null);
  }

  readText() {
    try {
      this.set(JSON.parse(byId("text").value || "{}"));
    } catch (error) {
      byId("hint").textContent = `Not JSON: ${error.message}`;
    }
  }

  show() {
    for (const kind of KINDS) byId(kind).setAttribute("aria-pressed", String(this.kind === kind));
    byId("screen").classList.toggle("drawing", this.kind !== null);
    byId("drawing").hidden = this.kind === null;
    byId("close-polygon").disabled = this.corners.length < 3;
    byId("undo-corner").disabled = this.corners.length === 0;
    byId("hint").textContent = this.hint();
    byId("text").value = this.any ? JSON.stringify(this.polygons) : "";
    this.showList();
    this.showShapes();
  }

  hint() {
    if (this.kind !== null && this.size === null) return "Choose a video first.";
    if (this.kind !== null) {
      const left = 3 - this.corners.length;
      const more = left > 0 ? `${left} more at least` : "then close the polygon";
      return `Click or tap the corners of what to ${WORDS[this.kind]}: ${this.corners.length} set, ${more}.`;
    }
    return this.any ? "Press “Watch with these settings” to use them." : "Everywhere, unless you draw.";
  }

  showList() {
    const items = KINDS.flatMap((kind) => this.polygons[kind].map((polygon, index) => {
      const item = document.createElement("li");
      const name = `To ${WORDS[kind]}: ${polygon.length} corners from (${polygon[0]?.join(", ")})`;
      const remove = document.createElement("button");
      remove.type = "button";
      remove.textContent = "Remove";
      remove.setAttribute("aria-label", `Remove: ${name}`);
      remove.addEventListener("click", () => { this.polygons[kind].splice(index, 1); this.show(); byId(kind).focus(); });
      item.append(name, remove);
      return item;
    }));
    byId("polygons").replaceChildren(...items);
  }

  showShapes() {
    const shape = (name, attributes) => {
      const element = document.createElementNS(SVG, name);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
      return element;
    };
    const points = (polygon) => polygon.map((corner) => corner.join(",")).join(" ");
    const shapes = KINDS.flatMap((kind) =>
      this.polygons[kind].map((polygon) => shape("polygon", { class: kind, points: points(polygon) })));
    if (this.kind !== null) {
      const radius = (this.size?.[0] ?? 320) / 100;
      shapes.push(shape("polyline", { class: this.kind, points: points(this.corners) }));
      for (const [x, y] of this.corners) shapes.push(shape("circle", { cx: x, cy: y, r: radius }));
    }
    byId("layer").replaceChildren(...shapes);
  }
}
