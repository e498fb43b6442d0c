// The page: which model is asked, and which view of it is shown.
//
// A view is `imageView(root, context)` or `tableView(root, context)`, which fills `root` and returns a
// function that takes it down. Its context:
//   name      of the model
//   schema    the answer of /models/NAME/schema
//   api       asks the model: ask(what, body, {key, signal}), post(what, {...}), address(what); see api.js
//   state     get(key), set(key, value): kept in the link
//   announce  announce(text): said to screen readers
//   share     share({python, path, body}): the last question, offered as Python and as curl; see share.js
//   fail      fail(error): shows what is wrong in a line above the view; fail(null) takes it away

import { createApi, isSuperseded } from "./api.js";
import { fill, h, useStyle } from "./dom.js";
import { showQuestion } from "./share.js";
import { linkState } from "./state.js";
import { askToken } from "./token.js";

const VIEWS = {
  image: { title: "Image", load: async () => (await import("./image/view.js")).imageView },
  table: { title: "Table", load: async () => (await import("./table/view.js")).tableView },
};

const find = (id) => document.getElementById(id);
const state = linkState();
const api = createApi(askToken);
let takeDown = () => {};
let shown = null;
let turns = 0;

async function start() {
  const { models } = await api.get("/models");
  const choice = find("model");
  fill(
    choice,
    models.map(({ name }) => h("option", { value: name }, name)),
  );
  choice.addEventListener("change", () => {
    const view = state.get("view");
    state.begin({ model: choice.value, ...(view ? { view } : {}) });
    guarded(show);
  });
  addEventListener("hashchange", () => guarded(show));
  addEventListener("popstate", () => guarded(show));
  await show();
}

/** Show what the link says. */
async function show() {
  const address = location.hash;
  if (shown === address) return;
  const choice = find("model");
  const names = [...choice.options].map((option) => option.value);
  const asked = String(state.get("model") ?? names[0]);
  fail(names.includes(asked) ? null : new Error(`there is no model ${asked}: there are ${names.join(", ")}`));
  const name = names.includes(asked) ? asked : names[0];
  choice.value = name;
  state.set("model", name);
  shown = location.hash;
  turns += 1;
  const turn = turns;
  const asks = api.of(name);
  const schema = await asks.schema();
  // A canvas has no fields for context.
  const kinds = schema.image_shape && !schema.context.length ? ["image", "table"] : ["table"];
  const kind = kinds.includes(state.get("view")) ? state.get("view") : kinds[0];
  showSwitch(kinds, kind);
  document.title = `${name} · made`;
  const [view] = await Promise.all([VIEWS[kind].load(), useStyle(`/page/${kind}/${kind}.css`)]);
  if (turn !== turns) return; // another model was chosen meanwhile
  takeDown();
  find("last").hidden = true;
  const context = {
    name,
    schema,
    api: asks,
    state: { get: state.get, set: keep },
    announce,
    fail,
    share: (question) => showQuestion(find("last"), { name, hasToken: api.hasToken(), question, announce }),
  };
  takeDown = view(fill(find("view")), context) ?? (() => {});
}

function keep(key, value) {
  state.set(key, value);
  shown = location.hash;
}

function showSwitch(kinds, current) {
  const element = find("views");
  element.hidden = kinds.length < 2;
  const pick = (kind) => {
    state.begin({ model: find("model").value, view: kind });
    guarded(show);
  };
  fill(
    element,
    kinds.map((kind) =>
      h(
        "button",
        { "aria-pressed": String(kind === current), on: { click: () => pick(kind) } },
        VIEWS[kind].title,
      ),
    ),
  );
}

function announce(text) {
  find("said").textContent = text;
}

function fail(error) {
  const element = find("failure");
  if (error && isSuperseded(error)) return;
  element.hidden = !error;
  element.textContent = error ? error.message : "";
}

async function guarded(work) {
  try {
    await work();
  } catch (error) {
    fail(error);
  }
}

guarded(start);
