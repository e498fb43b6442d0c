// The view of a model of images: draw what is known, and see what follows.

import { isSuperseded } from "../api.js";
import { fill, h, newId } from "../dom.js";
import { completionsPanel, N_COMPLETIONS } from "./completions.js";
import { generationPanel, inWords } from "./generation.js";
import { paintArea, toolbar } from "./paint.js";
import { marksOf, Picture, read, UNKNOWN, written } from "./picture.js";
import { number, samplesPanel } from "./samples.js";
import { surprisePanel } from "./surprise.js";
import { logP, sentence, sureness } from "./words.js";

// Pictures of more pixels are asked about less often.
const MANY_PIXELS = 256;
// Surprise takes a score of a picture for each value of each pixel under each mask: of so many, on demand.
const MANY_SCORES = 10_000;
// An answer takes as long as its particles have pixels, under all masks: half a second for so many.
const MOST_IN_PARTICLES = 1_000_000;
const [FEWEST_PARTICLES, MOST_PARTICLES] = [50, 1000];

/** Show the view of images; see main.js for the context. Returns what takes it down. */
export function imageView(root, context) {
  const { schema } = context;
  const values = valuesOf(schema);
  if (!values) {
    fill(
      root,
      h("p", {}, "The pixels of this model have no common list of values: its table answers for them."),
    );
    return () => {};
  }
  return new ImageView(root, context, values).start();
}

/** The values that all pixels share; null where they do not, or are numbers. */
function valuesOf(schema) {
  const lists = schema.variables.map((own) => own.values ?? null);
  const [first] = lists;
  const alike = first && lists.every((own) => own && JSON.stringify(own) === JSON.stringify(first));
  return alike && first.length > 1 ? first : null;
}

class ImageView {
  constructor(root, context, values) {
    const { schema, state } = context;
    const [height, width] = schema.image_shape;
    this.root = root;
    this.context = context;
    this.names = schema.variables.map((own) => own.name);
    this.nMasks = schema.n_masks;
    this.picture = new Picture(height, width, values);
    const kept = read(String(state.get("pixels") ?? ""), this.picture.size, values.length);
    if (kept) this.picture.set(kept);
    this.isLarge = this.picture.size > MANY_PIXELS;
    this.isSlow = this.picture.size * this.nMasks * values.length > MANY_SCORES;
    this.brush = { mark: values.length, size: width > 16 ? 2 : 1 };
    this.ending = new AbortController();
    this.timer = 0;
    this.version = 0;
    this.isAsking = false;
  }

  start() {
    this.build();
    this.changed(true);
    this.samples.start();
    return () => this.end();
  }

  end() {
    clearTimeout(this.timer);
    this.ending.abort();
    for (const part of [this.paint, this.completions, this.surprise, this.samples, this.generation])
      part.stop();
  }

  // What is on the page

  build() {
    const { context, picture, names, nMasks } = this;
    const say = (text) => context.announce(text);
    const take = (marks) => this.replace(marks);
    const keepIn = (key) => (value) => context.state.set(key, value);
    const share = (question) => context.share(question);
    const own = { picture, names, nMasks, ask: this.ask, take, share, say };
    this.tools = toolbar(picture, this.brush, {
      say,
      undo: () => this.undo(),
      clear: () => this.replace(new Uint16Array(picture.size)),
      brush: () => this.paint?.again(),
    });
    this.paint = paintArea(picture, this.brush, {
      say,
      change: () => this.changed(),
      letter: this.tools.key,
      point: (d) => this.surprise?.point(d),
    });
    this.seed = number("completion-seed", "Seed", 0, Number.MAX_SAFE_INTEGER, context.state.get("seed") ?? 0);
    this.seed.field.addEventListener("change", () => {
      context.state.set("seed", this.seed.value() || null);
      this.changed(true);
    });
    this.first = h("input", {
      type: "checkbox",
      checked: context.state.get("first") === true,
      on: { change: () => this.pickedFirst() },
    });
    this.logP = h("p", { class: "image-log-p" }, "…");
    this.sureness = h("p", { class: "note" });
    const panel = (title, lead, make) => this.panel(title, lead, make);
    const parts = [
      panel(
        "Drawing",
        "Paint the pixels that are known; hatched ones are unknown. By keys: arrows move, space paints.",
        () => [
          this.paint.element,
          this.tools.element,
          h(
            "div",
            { class: "buttons" },
            h("button", { type: "button", on: { click: () => this.takeHalf() } }, "Upper half of a sample"),
          ),
          h(
            "div",
            { role: "status", "aria-label": "Probability of what is drawn" },
            this.logP,
            this.sureness,
          ),
        ],
      ),
      panel("Completions", null, (guard) => {
        this.guardCompletions = guard;
        this.completions = completionsPanel(own);
        return [
          h(
            "div",
            { class: "image-form" },
            this.seed.element,
            this.context.schema.orderings.length > 1 && this.firstChoice(),
          ),
          this.completions.element,
        ];
      }),
      panel("Surprise", null, (guard) => {
        const chosen = context.state.get("surprise");
        this.surprise = surprisePanel({
          ...own,
          guard,
          chosen,
          keep: keepIn("surprise"),
          isSlow: this.isSlow,
        });
        return this.surprise.element;
      }),
      panel("Samples", null, (guard) => {
        const chosen = context.state.get("samples") ?? {};
        this.samples = samplesPanel({ ...own, guard, chosen, keep: keepIn("samples") });
        return this.samples.element;
      }),
      panel("Generation", null, (guard) => {
        const chosen = context.state.get("generation") ?? {};
        this.generation = generationPanel({ ...own, guard, chosen, keep: keepIn("generation") });
        return this.generation.element;
      }),
    ];
    fill(this.root, h("div", { class: "image-view" }, parts));
  }

  /** A section under a title, with a line for what goes wrong in it. */
  panel(title, lead, make) {
    const id = newId("image");
    const failure = h("p", { class: "failure", role: "alert", hidden: true });
    const guard = async (work) => {
      try {
        await work();
        failure.hidden = true;
      } catch (error) {
        if (isSuperseded(error) || this.ending.signal.aborted) return;
        failure.textContent = error.message;
        failure.hidden = false;
      }
    };
    return h(
      "section",
      { class: `image-panel ${title.toLowerCase()}`, "aria-labelledby": id },
      h("h2", { id }, title),
      lead && h("p", { class: "note" }, lead),
      failure,
      make(guard),
    );
  }

  firstChoice() {
    return h(
      "label",
      { class: "image-check" },
      this.first,
      " Under orderings that begin with what is drawn: exact, but not the mixture of the model",
    );
  }

  pickedFirst() {
    this.context.state.set("first", this.first.checked || null);
    this.changed(true);
  }

  ask = (what, body, options = {}) =>
    this.context.api.ask(what, body, { ...options, signal: this.ending.signal });

  // What follows from a change

  /** The picture, or what is asked of it, has changed. */
  changed(isAtOnce = false) {
    this.version += 1;
    this.paint.again();
    this.completions.wait();
    this.schedule(isAtOnce ? 0 : this.isLarge ? 250 : 100);
  }

  /** Ask soon: one question at a time, since one thread answers them, and the last state in any case. */
  schedule(delay) {
    if (this.isAsking || (this.timer && delay > 0)) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.follow(), delay);
  }

  async follow() {
    this.timer = 0;
    this.isAsking = true;
    const { version } = this;
    await this.guardCompletions(() => this.answer(version));
    this.isAsking = false;
    if (this.ending.signal.aborted) return;
    if (version === this.version) this.keepPicture();
    else this.schedule(0);
  }

  /** Not with every pixel of a stroke: browsers let a page change its address only so often. */
  keepPicture() {
    this.context.state.set("pixels", written(this.picture.marks, this.picture.values.length) || null);
  }

  replace(marks) {
    this.picture.keep();
    this.picture.set(marks);
    this.changed(true);
  }

  undo() {
    const done = this.picture.undo();
    this.context.announce(done ? "undone" : "nothing to undo");
    if (done) this.changed(true);
  }

  /** Ask for all that follows from what is drawn; of what is no longer so the completions are shown alone. */
  async answer(version) {
    const asked = {
      marks: this.picture.marks.slice(),
      row: this.picture.toRow(this.names),
      python: this.inPython(),
      isLatest: () => version === this.version,
    };
    if (this.picture.isComplete) await this.ofWhole(asked);
    else await this.ofPart(asked);
  }

  async ofWhole({ marks, row, python, isLatest }) {
    const body = { rows: [row] };
    const answer = await this.ask("score", body);
    this.showLogP(answer, marks);
    if (!isLatest()) return;
    this.keepPicture();
    this.completions.none("Every pixel is known: nothing is left to complete.");
    this.surprise.offer([{ name: "Drawing", rows: [row], marks, given: null }]);
    this.context.share({ python: `model.log_prob([${python}])`, path: "score", body });
  }

  async ofPart({ marks: given, row, python, isLatest }) {
    const seed = this.seed.value();
    const particles = this.nParticles();
    const method = this.first.checked ? "given-first" : "auto";
    const body = { rows: [row], number: N_COMPLETIONS, seed, particles, method };
    const answer = await this.ask("complete", body);
    this.showLogP(answer, given);
    const marks = this.completions.show(answer, seed, given);
    if (!isLatest()) return;
    const settings = `number=${N_COMPLETIONS}, seed=${seed}, particles=${particles}, method="${method}"`;
    this.context.share({ python: `model.complete([${python}], ${settings})`, path: "complete", body });
    const scores = await this.ask("score", { rows: answer.rows });
    if (!isLatest()) return;
    this.keepPicture();
    this.completions.score(scores);
    const isDrawn = given.some((mark) => mark !== UNKNOWN);
    const drawing = {
      name: "Drawing",
      rows: answer.rows,
      marks: given,
      given: null,
      how: { method: answer.method[0], ess: answer.ess[0] },
    };
    const each = answer.rows.map((own, i) => ({
      name: `Completion ${i + 1}`,
      rows: [own],
      marks: marks[i],
      given: isDrawn ? given : null,
    }));
    this.surprise.offer(isDrawn ? [drawing, ...each] : each);
  }

  /** How many particles there are under each mask, so that an answer is there while one looks. */
  nParticles() {
    const affordable = Math.floor(MOST_IN_PARTICLES / (this.picture.size * this.nMasks));
    return Math.min(Math.max(affordable, FEWEST_PARTICLES), MOST_PARTICLES);
  }

  showLogP(answer, marks) {
    const found = { method: answer.method[0], error: answer.error[0], ess: answer.ess[0] };
    const [nKnown, size] = [marks.filter((mark) => mark !== UNKNOWN).length, marks.length];
    const of =
      nKnown === 0
        ? "what is drawn (nothing yet)"
        : nKnown === size
          ? "the whole picture"
          : `the ${nKnown} known pixels`;
    const isSure = found.method === "exact";
    this.logP.textContent = `log p of ${of}: ${logP(answer.log_prob[0], isSure ? 0 : found.error)}`;
    const percentile = answer.percentile?.[0];
    const isRanked = percentile !== null && percentile !== undefined;
    const rank = isRanked ? `; more probable than ${Math.round(percentile)} % of held-out pictures` : "";
    this.sureness.textContent =
      sentence(`${sureness(found)}${rank}`) +
      (isSure ? "" : ` It is exact where the pixels that are known come first ${this.inOrderings()}.`);
    this.logP.dataset.method = found.method;
  }

  inOrderings() {
    const { orderings } = this.context.schema;
    return orderings.length > 1
      ? "in each of the orderings that are mixed"
      : `in the ordering: ${inWords(orderings[0], this.picture.width)}`;
  }

  /** What is known as a row of Python. */
  inPython() {
    const { marks, size, values } = this.picture;
    const known = Array.from(marks, (mark, d) => [d, mark]).filter(([, mark]) => mark !== UNKNOWN);
    const text = known.map(([d, mark]) => `${d}: ${JSON.stringify(values[mark - 1])}`).join(", ");
    return `[{${text}}.get(d) for d in range(${size})]`;
  }

  takeHalf() {
    this.guardCompletions(async () => {
      const body = { n: 1, seed: Math.floor(Math.random() * 2 ** 31) };
      const answer = await this.ask("sample", body, { key: "half" });
      const marks = marksOf(answer.rows[0], this.names, this.picture.values);
      this.replace(marks.map((mark, d) => (d < this.picture.size / 2 ? mark : UNKNOWN)));
    });
  }
}
