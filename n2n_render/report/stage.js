"use strict";
// Panes that all show the same place at the same zoom: one with a wipe between two pictures, or one for each picture.

const ZOOM_MAX = 64, ZOOM_MIN = 1 / 16, NEAR_DIVIDER_PX = 14;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

class Stage {
  // onChange: something was moved; onProbe(x, y, side): the pixel under the pointer, or nulls.
  constructor(element, panes, divider, onChange, onProbe) {
    Object.assign(this, { element, panes, divider, onChange, onProbe });
    this.size = { width: 1, height: 1 };
    this.centre = { x: 0.5, y: 0.5 };
    this.zoom = null; // screen pixels of one of the picture; null: fit
    this.wipe = 0.5;
    this.layout = "wipe";
    this.contents = [];
    this.pending = false;
    this.listen();
    new ResizeObserver(() => this.arrange()).observe(element);
  }

  // A view of this size: it is shown whole, unless it is as large as the one before, which is compared at the same place.
  open(width, height) {
    if (width === this.size.width && height === this.size.height) return;
    this.size = { width, height };
    this.fit();
  }

  // contents: of each pane its pictures, {source: canvas, caption}: one, or left and right of the wipe.
  show(contents, layout) {
    const same = layout === this.layout && contents.length === this.contents.length;
    this.contents = contents;
    this.layout = layout;
    this.divider.hidden = layout !== "wipe";
    if (!same || !this.panes.children.length) {
      this.panes.replaceChildren(...contents.map((pictures) => this.makePane(pictures.length)));
      this.arrange();
    }
    this.draw();
  }

  makePane(count) {
    const pane = document.createElement("div");
    pane.className = count === 1 ? "pane single" : "pane";
    const canvas = document.createElement("canvas");
    const captions = ["left", "right"].slice(0, count).map((side) => {
      const caption = document.createElement("span");
      caption.className = `caption ${side}`;
      return caption;
    });
    pane.append(canvas, ...captions);
    return pane;
  }

  // As many columns as make the panes' shape most like the picture's, and canvases with a pixel for each of the screen's.
  arrange() {
    const count = Math.max(this.contents.length, 1), { clientWidth, clientHeight } = this.element;
    let best = { scale: 0, columns: 1 };
    for (let columns = 1; columns <= count; columns++) {
      const rows = Math.ceil(count / columns);
      const scale = Math.min(clientWidth / columns / this.size.width, clientHeight / rows / this.size.height);
      if (scale > best.scale) best = { scale, columns };
    }
    this.panes.style.gridTemplateColumns = `repeat(${best.columns}, minmax(0, 1fr))`;
    this.panes.style.gridAutoRows = "minmax(0, 1fr)";
    const places = [...this.panes.children].map((pane) => pane.getBoundingClientRect());
    const least = (key) => Math.floor(Math.min(...places.map((place) => place[key])) * devicePixelRatio);
    [...this.panes.children].forEach((pane) => {
      Object.assign(pane.firstChild, { width: Math.max(least("width"), 1), height: Math.max(least("height"), 1) });
    });
    this.draw();
  }

  get canvas() { return this.panes.querySelector("canvas"); }

  get scale() {
    const { canvas } = this;
    if (this.zoom !== null || !canvas) return this.zoom ?? 1;
    return Math.min(canvas.width / this.size.width, canvas.height / this.size.height);
  }

  // Where the picture's corner lies on the canvases: whole pixels.
  get corner() {
    const { canvas, scale } = this;
    return {
      x: Math.round(canvas.width / 2 - this.centre.x * scale),
      y: Math.round(canvas.height / 2 - this.centre.y * scale),
    };
  }

  fit() {
    this.zoom = null;
    this.centre = { x: this.size.width / 2, y: this.size.height / 2 };
    this.draw();
  }

  // To this zoom; what lies at `fixed` (pixels of the canvas) stays there, by default the middle.
  zoomTo(zoom, fixed = null) {
    const { canvas } = this, before = this.scale;
    const at = fixed ?? { x: canvas.width / 2, y: canvas.height / 2 };
    this.zoom = clamp(zoom, ZOOM_MIN, ZOOM_MAX);
    this.centre.x += (at.x - canvas.width / 2) * (1 / before - 1 / this.zoom);
    this.centre.y += (at.y - canvas.height / 2) * (1 / before - 1 / this.zoom);
    this.move(0, 0);
  }

  // The next power of two.
  zoomBy(direction) {
    const exponent = Math.log2(this.scale);
    this.zoomTo(2 ** (direction > 0 ? Math.floor(exponent + 1.001) : Math.ceil(exponent - 1.001)));
  }

  // By pixels of the canvas.
  move(x, y) {
    const { scale } = this;
    this.centre.x = clamp(this.centre.x - x / scale, 0, this.size.width);
    this.centre.y = clamp(this.centre.y - y / scale, 0, this.size.height);
    this.draw();
  }

  setWipe(part) {
    this.wipe = clamp(part, 0, 1);
    this.draw();
  }

  // Once for each picture of the screen, however often it is asked.
  draw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      if (this.canvas && this.contents.length) this.drawNow();
    });
  }

  drawNow() {
    const { corner, scale } = this, at = `${100 * this.wipe}%`;
    this.divider.style.left = at;
    this.divider.setAttribute("aria-valuenow", String(Math.round(100 * this.wipe)));
    this.contents.forEach((pictures, index) => {
      const pane = this.panes.children[index], canvas = pane.firstChild, context = canvas.getContext("2d");
      pictures.forEach((picture, side) => {
        const edge = side ? Math.round(this.wipe * canvas.width) : 0;
        context.save();
        context.beginPath();
        context.rect(edge, 0, canvas.width - edge, canvas.height);
        context.clip();
        context.clearRect(0, 0, canvas.width, canvas.height);
        context.imageSmoothingEnabled = scale < 1;
        context.imageSmoothingQuality = "high";
        context.drawImage(picture.source, corner.x, corner.y, this.size.width * scale, this.size.height * scale);
        context.restore();
        const caption = pane.children[side + 1];
        caption.textContent = caption.title = picture.caption;
      });
    });
    Object.assign(this.element.dataset, { zoom: scale, left: corner.x, top: corner.y, wipe: this.wipe, drawn: "yes" });
    this.onChange();
  }

  // The pointer on the canvas of the pane that it is over.
  locate(event) {
    const pane = [...this.panes.children].find((one) => {
      const place = one.getBoundingClientRect();
      return event.clientX >= place.left && event.clientX < place.right && event.clientY >= place.top && event.clientY < place.bottom;
    }) ?? this.panes.firstChild;
    const place = pane.getBoundingClientRect(), canvas = pane.firstChild;
    return {
      x: ((event.clientX - place.left) / place.width) * canvas.width,
      y: ((event.clientY - place.top) / place.height) * canvas.height,
    };
  }

  wipeAt(event) {
    const place = this.element.getBoundingClientRect();
    return (event.clientX - place.left) / place.width;
  }

  listen() {
    const { element } = this;
    const held = new Map(); // pointers: one drags, two pinch
    let wiping = false, apart = 0;
    const distance = () => {
      const [one, two] = [...held.values()];
      return Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY);
    };
    element.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      element.setPointerCapture(event.pointerId);
      held.set(event.pointerId, event);
      const width = element.getBoundingClientRect().width;
      wiping = this.layout === "wipe" && held.size === 1 && Math.abs(this.wipeAt(event) - this.wipe) * width < NEAR_DIVIDER_PX;
      if (held.size === 2) apart = distance();
      element.classList.toggle("dragging", !wiping);
    });
    element.addEventListener("pointermove", (event) => {
      const before = held.get(event.pointerId);
      if (!before) return this.probe(event);
      held.set(event.pointerId, event);
      if (wiping) this.setWipe(this.wipeAt(event));
      else if (held.size === 2) {
        const now = distance();
        this.zoomTo(this.scale * (now / Math.max(apart, 1)), this.locate(event));
        apart = now;
      } else this.move((event.clientX - before.clientX) * devicePixelRatio, (event.clientY - before.clientY) * devicePixelRatio);
    });
    const release = (event) => {
      held.delete(event.pointerId);
      wiping = false;
      element.classList.remove("dragging");
    };
    element.addEventListener("pointerup", release);
    element.addEventListener("pointercancel", release);
    element.addEventListener("pointerleave", () => this.onProbe(null, null));
    element.addEventListener("wheel", (event) => {
      event.preventDefault();
      const lines = event.deltaMode ? 30 : 1;
      this.zoomTo(this.scale * 2 ** (clamp(-event.deltaY * lines, -240, 240) / 240), this.locate(event));
    }, { passive: false });
    element.addEventListener("dblclick", () => this.fit());
  }

  probe(event) {
    const at = this.locate(event), { corner, scale, size } = this;
    const x = Math.floor((at.x - corner.x) / scale), y = Math.floor((at.y - corner.y) / scale);
    const inside = x >= 0 && y >= 0 && x < size.width && y < size.height;
    this.onProbe(inside ? x : null, inside ? y : null);
  }
}
