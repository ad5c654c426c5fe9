/**
 * Counts and times in the text format of Prometheus.
 *
 * @module
 */

/** Labels of one series. */
export type Labels = Readonly<Record<string, string>>;

function keyOf(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
    return `${name}="${escaped}"`;
  });
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** One name with its series. */
export interface Metric {
  /** What it counts, and its lines. */
  render(): string;
}

function heading(name: string, kind: string, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`;
}

/** What only goes up. */
export class Counter implements Metric {
  readonly #name: string;
  readonly #help: string;
  readonly #values = new Map<string, number>();

  /** A counter of `name`; one without labels is 0 from the begin. */
  constructor(name: string, help: string, hasLabels = false) {
    this.#name = name;
    this.#help = help;
    if (!hasLabels) this.#values.set("", 0);
  }

  /** Adds to the series of `labels`. */
  add(amount: number, labels: Labels = {}): void {
    const key = keyOf(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + amount);
  }

  /** See {@linkcode Metric}. */
  render(): string {
    const lines = [...this.#values].map(([key, value]) => `${this.#name}${key} ${value}\n`);
    return heading(this.#name, "counter", this.#help) + lines.join("");
  }
}

/** What goes up and down: asked for when it is looked at. */
export class Gauge implements Metric {
  readonly #name: string;
  readonly #help: string;
  readonly #value: () => number;

  /** A gauge that `value` gives. */
  constructor(name: string, help: string, value: () => number) {
    this.#name = name;
    this.#help = help;
    this.#value = value;
  }

  /** See {@linkcode Metric}. */
  render(): string {
    return `${heading(this.#name, "gauge", this.#help)}${this.#name} ${this.#value()}\n`;
  }
}

/** How often values were at most each of some bounds. */
export class Histogram implements Metric {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #count = 0;
  #sum = 0;

  /** A histogram of `name` with upper bounds from small to large. */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  /** Counts a value, `times` times. */
  observe(value: number, times = 1): void {
    this.#count += times;
    this.#sum += value * times;
    const at = this.#bounds.findIndex((bound) => value <= bound);
    if (at >= 0) this.#counts[at] += times;
  }

  /** See {@linkcode Metric}. */
  render(): string {
    const name = this.#name;
    let below = 0;
    const buckets = this.#bounds.map((bound, i) => {
      below += this.#counts[i];
      return `${name}_bucket{le="${bound}"} ${below}\n`;
    });
    return heading(name, "histogram", this.#help) + buckets.join("") +
      `${name}_bucket{le="+Inf"} ${this.#count}\n` +
      `${name}_sum ${this.#sum}\n${name}_count ${this.#count}\n`;
  }
}
