"use strict";
// Text of the page → radiance as half floats → colours of the screen. What `pixels.py` and `lookup.py` pack is unpacked here.

const HALF_COUNT = 0x7c00; // finite half floats ≥ 0
const DROPPED_BITS = 2;

async function inflate(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Planes of bytes → Uint16Array of half floats: red, green, blue of each pixel.
function unpackRadiance(bytes, count) {
  const halves = new Uint16Array(3 * count);
  const plane = (channel, index) => (bytes[2 * channel * count + index] << 8) | bytes[(2 * channel + 1) * count + index];
  for (let i = 0; i < count; i++) {
    const green = plane(0, i);
    halves[3 * i] = ((green + plane(1, i)) & 0xffff) << DROPPED_BITS;
    halves[3 * i + 1] = green << DROPPED_BITS;
    halves[3 * i + 2] = ((green + plane(2, i)) & 0xffff) << DROPPED_BITS;
  }
  return halves;
}

const halfValue = (half) => {
  const exponent = half >> 10, fraction = half & 0x3ff;
  return exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024);
};

// log2 of every half float ≥ 0.
const HALF_LOG2 = Float32Array.from({ length: HALF_COUNT }, (_, half) => Math.log2(halfValue(half)));

// The view of the page: radiance → what a screen shows.
class Toner {
  constructor(about, bytes) {
    this.about = about;
    this.values = new Uint16Array(bytes.buffer, 0, bytes.byteLength >> 1);
    this.places = new Float32Array(HALF_COUNT);
    this.levels = [0, 1, 2].map(() => new Uint8Array(HALF_COUNT));
    this.offset = NaN;
  }

  // Where each half float lies in the tables, at this exposure (log2).
  prepare(offset) {
    if (this.offset === offset) return;
    this.offset = offset;
    const { low, high, size, kind } = this.about, last = size - 1;
    for (let half = 0; half < HALF_COUNT; half++) {
      const place = ((HALF_LOG2[half] + offset - low) / (high - low)) * last;
      this.places[half] = Math.min(Math.max(place, 0), last);
    }
    if (kind !== "curves") return;
    this.levels.forEach((level, channel) => {
      for (let half = 0; half < HALF_COUNT; half++) {
        const place = this.places[half], below = Math.min(Math.floor(place), last - 1), part = place - below;
        const at = channel * size + below;
        level[half] = ((1 - part) * this.values[at] + part * this.values[at + 1]) / 257 + 0.5;
      }
    });
  }

  // Half floats → RGBA bytes. gain: what the radiance is multiplied by before the view; stops: the exposure.
  paint(halves, gain, stops, out) {
    this.prepare(stops + Math.log2(gain));
    if (this.about.kind === "curves") {
      const [red, green, blue] = this.levels;
      for (let i = 0, o = 0; i < halves.length; i += 3, o += 4) {
        out[o] = red[halves[i]];
        out[o + 1] = green[halves[i + 1]];
        out[o + 2] = blue[halves[i + 2]];
        out[o + 3] = 255;
      }
    } else this.paintLattice(halves, out);
  }

  // Between the corners of a cube along the edges that the colour is nearest to: in a tetrahedron.
  paintLattice(halves, out) {
    const { size } = this.about, { places, values } = this;
    const steps = [3 * size * size, 3 * size, 3], parts = [0, 0, 0];
    for (let i = 0, o = 0; i < halves.length; i += 3, o += 4) {
      let corner = 0;
      for (let c = 0; c < 3; c++) {
        const place = places[halves[i + c]], below = Math.min(place | 0, size - 2);
        parts[c] = place - below;
        corner += below * steps[c];
      }
      const r = parts[0], g = parts[1], b = parts[2];
      let first = 0, second = 1, third = 2; // the largest part first
      if (r >= g) {
        if (b > r) { first = 2; second = 0; third = 1; }
        else if (b > g) { second = 2; third = 1; }
      } else if (b >= g) { first = 2; third = 0; }
      else if (b > r) { first = 1; second = 2; third = 0; }
      else { first = 1; second = 0; }
      const one = corner + steps[first], two = one + steps[second], three = two + steps[third];
      const w0 = 1 - parts[first], w1 = parts[first] - parts[second], w2 = parts[second] - parts[third], w3 = parts[third];
      for (let c = 0; c < 3; c++) {
        const value = w0 * values[corner + c] + w1 * values[one + c] + w2 * values[two + c] + w3 * values[three + c];
        out[o + c] = value / 257 + 0.5;
      }
      out[o + 3] = 255;
    }
  }
}

// Bytes of an error map → RGBA. heat: 256 colours.
function paintMap(error, heat, out) {
  for (let i = 0, o = 0; i < error.length; i++, o += 4) {
    out[o] = heat[3 * error[i]];
    out[o + 1] = heat[3 * error[i] + 1];
    out[o + 2] = heat[3 * error[i] + 2];
    out[o + 3] = 255;
  }
}
