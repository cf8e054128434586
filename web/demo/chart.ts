/** Round trips and outages of the last minute, as an SVG of our own. */

const SPAN_MS = 60_000;
const WIDTH = 600;
const HEIGHT = 96;
const BASE = HEIGHT - 4;
const SVG = 'http://www.w3.org/2000/svg';

interface Sample { at: number; rttMs: number }
interface Outage { from: number; to: number | null }

function make(name: string, attributes: Record<string, string | number>): SVGElement {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

/** The scale's top: a round number that the largest sample fits under. */
function roundUp(value: number): number {
  for (const top of [10, 20, 50, 100, 200, 500, 1000, 2000, 5000]) if (value <= top * 0.9) return top;
  return 10_000;
}

export class Chart {
  readonly svg = make('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }) as SVGSVGElement;
  private samples: Sample[] = [];
  private outages: Outage[] = [];

  constructor(private readonly scale: HTMLElement) {}

  roundTrip(rttMs: number): void {
    this.samples.push({ at: Date.now(), rttMs });
  }

  /** The link is up, or not. */
  up(isUp: boolean): void {
    const last = this.outages[this.outages.length - 1];
    if (last && last.to === null) {
      if (isUp) last.to = Date.now();
    } else if (!isUp) {
      this.outages.push({ from: Date.now(), to: null });
    }
  }

  draw(): void {
    const now = Date.now();
    const start = now - SPAN_MS;
    this.samples = this.samples.filter((sample) => sample.at > start);
    this.outages = this.outages.filter((outage) => (outage.to ?? now) > start);
    const x = (at: number) => (Math.max(0, at - start) / SPAN_MS) * WIDTH;
    const top = roundUp(Math.max(1, ...this.samples.map((sample) => sample.rttMs)));
    const y = (rttMs: number) => BASE - (rttMs / top) * (BASE - 4);
    this.svg.replaceChildren(
      make('line', { class: 'grid', x1: 0, x2: WIDTH, y1: y(top / 2), y2: y(top / 2) }),
      ...this.outages.map((outage) => make('rect', { class: 'outage', x: x(outage.from), y: 0, height: HEIGHT, width: Math.max(2, x(outage.to ?? now) - x(outage.from)) })),
      ...this.lines(x, y),
    );
    this.scale.textContent = `${top} ms`;
  }

  /** One line for each stretch without an outage. */
  private lines(x: (at: number) => number, y: (rttMs: number) => number): SVGElement[] {
    const stretches: Sample[][] = [[]];
    let previous = 0;
    for (const sample of this.samples) {
      if (this.outages.some((outage) => outage.from >= previous && outage.from < sample.at)) stretches.push([]);
      stretches[stretches.length - 1]!.push(sample);
      previous = sample.at;
    }
    return stretches.filter((stretch) => stretch.length > 0).map((stretch) =>
      make('polyline', { class: 'trip', points: stretch.map((s) => `${x(s.at).toFixed(1)},${y(s.rttMs).toFixed(1)}`).join(' ') }));
  }
}
