/**
 * The playground: a chat with the model that the server serves.
 *
 * @module
 */
import { Answer } from "./answer.js";
import { byId, element } from "./dom.js";
import { ApiFailure, Client, requestBody } from "./events.js";

const client = new Client();

/** Ids of settings that go into requests under their own names. */
const NUMBERS = ["temperature", "top_p", "top_k", "min_p", "seed", "max_tokens"];

/** @type {{ role: string, content: string }[]} */
let messages = [];
/** @type {AbortController | undefined} */
let running;
let model = "";

const say = (words) => byId("status").textContent = words;

/** Asks what is served; asks for a key where one is wanted. */
async function connect() {
  try {
    const { id, max_model_len, method, methods } = await client.model();
    model = id;
    byId("model").textContent = `${id}, up to ${max_model_len} tokens`;
    const options = () => methods.map((name) => element("option", { value: name }, name));
    byId("method").replaceChildren(...options());
    byId("method").value = method;
    byId("beside").append(...options());
    byId("key").hidden = true;
    byId("prompt").focus();
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.status !== 401) throw error;
    byId("model").textContent = client.key === "" ? "A key is needed" : error.message;
    byId("key").hidden = false;
    byId("key-input").focus();
  }
}

function settings() {
  const given = Object.fromEntries(NUMBERS.map((id) => [id, byId(id).value]));
  // Two methods give the same text with the same seed.
  if (given.seed === "" && given.temperature !== "0") {
    given.seed = String(crypto.getRandomValues(new Uint32Array(1))[0]);
  }
  return { ...given, system: byId("system").value.trim() };
}

/** Answers the prompt by one method after the other, so that neither waits for the other's device. */
async function answer() {
  const prompt = byId("prompt").value.trim();
  if (prompt === "" || running || !byId("settings").reportValidity()) return;
  running = new AbortController();
  const { signal } = running;
  byId("send").disabled = true;
  byId("stop").disabled = false;
  byId("prompt").value = "";
  const asked = [...messages, { role: "user", content: prompt }];
  const beside = byId("beside").value;
  const answers = [byId("method").value, ...(beside ? [beside] : [])].map((one) => new Answer(one));
  const turn = element(
    "section",
    { class: "turn" },
    element("h3", {}, "You"),
    element("p", { class: "said" }, prompt),
    element("div", { class: "answers" }, ...answers.map(({ view }) => view)),
  );
  byId("turns").append(turn);
  const given = settings();
  try {
    for (const one of answers) {
      say(`Answering by ${one.method}`);
      let reason = "";
      for await (const chunk of client.chat(requestBody(model, asked, given, one.method), signal)) {
        one.take(chunk);
        reason = chunk.choices[0].finish_reason ?? reason;
      }
      one.end(reason === "length" ? "cut at the most tokens" : "");
    }
    messages = [...asked, { role: "assistant", content: answers[0].text }];
    say(ended(answers));
  } catch (error) {
    if (signal.aborted) {
      messages = answers[0].text
        ? [...asked, { role: "assistant", content: answers[0].text }]
        : messages;
      say("Stopped");
    } else {
      byId("prompt").value = prompt;
      say(error.message);
      if (error.status === 401) byId("key").hidden = false;
    }
  } finally {
    running = undefined;
    byId("send").disabled = false;
    byId("stop").disabled = true;
  }
}

/** @param {Answer[]} answers */
function ended(answers) {
  const [first, second] = answers;
  if (second === undefined) return `Answered in ${first.rounds.length} rounds`;
  const same = first.text === second.text ? "the same text" : "different texts";
  return `${first.method} in ${first.rounds.length} rounds, ${second.method} in ${second.rounds.length}: ${same}`;
}

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  answer();
});
byId("prompt").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  answer();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") running?.abort();
});
byId("stop").addEventListener("click", () => running?.abort());
byId("clear").addEventListener("click", () => {
  running?.abort();
  messages = [];
  byId("turns").replaceChildren();
  say("A new chat");
  byId("prompt").focus();
});
byId("key").addEventListener("submit", (event) => {
  event.preventDefault();
  client.key = byId("key-input").value.trim();
  byId("key-input").value = "";
  connect();
});
byId("settings").addEventListener("submit", (event) => event.preventDefault());

connect().catch((error) => byId("model").textContent = error.message);
