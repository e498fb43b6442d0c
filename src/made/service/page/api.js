// Questions to the service: what is wrong is one line, a later question ends an earlier one, and a token
// goes along.

/** What the service refused, in its own words. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Whether a question was ended by a later one: nothing is to be said of it. */
export function isSuperseded(error) {
  return error.name === "AbortError";
}

/**
 * Return what asks the service.
 *
 * askToken(wasWrong) resolves to a token, or to null where none is given. It is asked once at a time.
 */
export function createApi(askToken) {
  const running = new Map();
  let token = sessionStorage.getItem("made-token");
  let asking = null;

  async function tokenAfter(used) {
    if (token !== used) return token;
    asking ??= askToken(used !== null).finally(() => {
      asking = null;
    });
    token = await asking;
    if (token === null) throw new Refusal(401, "a token is needed: reload the page to give one");
    sessionStorage.setItem("made-token", token);
    return token;
  }

  /** Fetch an address of the service; the answer is not refused. Other options are those of fetch. */
  async function request(path, { key = null, ...options } = {}) {
    const signals = options.signal ? [options.signal] : [];
    if (key !== null) {
      running.get(key)?.abort();
      running.set(key, new AbortController());
      signals.push(running.get(key).signal);
    }
    const signal = signals.length ? AbortSignal.any(signals) : undefined;
    let used = token;
    for (;;) {
      const headers = { ...options.headers, ...(used === null ? {} : { authorization: `Bearer ${used}` }) };
      const answer = await sent(path, { ...options, headers, signal });
      if (answer.status === 401) used = await tokenAfter(used);
      else if (answer.ok) return answer;
      else throw new Refusal(answer.status, await reasonOf(answer));
    }
  }

  const get = async (path, options) => (await request(path, options)).json();

  return {
    request,
    get,
    hasToken: () => token !== null,
    /** Return what asks one model: ask("score", body) is POST /models/NAME/score. */
    of(name) {
      const address = (what) => `/models/${encodeURIComponent(name)}/${what}`;
      const post = (what, { body, type = "application/json", accept = "application/json", ...options }) =>
        request(address(what), {
          ...options,
          method: "POST",
          body,
          headers: { "content-type": type, accept },
        });
      return {
        address,
        schema: () => get(address("schema")),
        /** Ask in JSON, and return the answer. `key`: a later question of the same key ends this one. */
        ask: async (what, body, options = {}) =>
          (await post(what, { ...options, body: JSON.stringify(body) })).json(),
        /** Ask, and return the response itself: other types of bodies and answers, and streams. */
        post,
      };
    },
  };
}

async function sent(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (isSuperseded(error)) throw error;
    throw new Refusal(0, "the service cannot be reached: is it still running?");
  }
}

async function reasonOf(answer) {
  try {
    return (await answer.json()).detail ?? `status ${answer.status}`;
  } catch {
    return `status ${answer.status}`;
  }
}
