// What runs in a worker before a function's code: it listens on the worker's socket, takes the
// code that it is assigned, calls its handler, and tells on stdout (see messages.go) which
// invocation each line of the log is of. It is no border: what contains a function is the
// permissions that Deno was started with, and the process that watches over it.
import { AsyncLocalStorage } from "node:async_hooks";

const { serve, permissions, stdin, stdout, inspect, env } = Deno;
const { inspectArgs } = Deno[Deno.internal];
const [directory] = Deno.args;
const encoder = new TextEncoder();
const invocation = new AsyncLocalStorage();
const maxLine = 64 * 1024;

function say(kind, id = "", rest = "") {
  const bytes = encoder.encode(`\x01${kind} ${id}${rest && " " + rest}\n`);
  for (let at = 0; at < bytes.length;) at += stdout.writeSync(bytes.subarray(at));
}

const escape = (text) => text.replace(/[\\\n]/g, (c) => c === "\n" ? "\\n" : "\\\\");

function log(level, text) {
  // One more than is kept, so that it shows that there was more.
  say("l", invocation.getStore()?.id ?? "", level + " " + escape(text.slice(0, maxLine + 1)));
}

const print = (level) => (...args) => log(level, inspectArgs(args, { colors: false }));
Object.assign(console, {
  debug: print("d"), log: print("i"), info: print("i"), warn: print("w"), error: print("e"),
  dir: (value, options) => log("i", inspect(value, options)),
  trace: (...args) => log("e", inspectArgs(args) + "\n" + new Error().stack.split("\n").slice(2).join("\n")),
  assert: (good, ...args) => good || log("e", "Assertion failed" + (args.length ? ": " + inspectArgs(args) : "")),
});

// What is written past the console is a line all the same.
const decoder = new TextDecoder();
for (const [name, level] of [["stdout", "i"], ["stderr", "e"]]) {
  const writeSync = (bytes) => (log(level, decoder.decode(bytes).replace(/\n$/, "")), bytes.length);
  const stream = {
    writeSync, write: async (bytes) => writeSync(bytes), close() {}, isTerminal: () => false,
    writable: new WritableStream({ write: (bytes) => void writeSync(bytes) }),
  };
  Object.defineProperty(Deno, name, { value: stream });
}

// An error that nobody caught would end the worker, and with it the requests of others.
for (const [event, what] of [["unhandledrejection", "reason"], ["error", "error"]]) {
  addEventListener(event, (e) => {
    e.preventDefault();
    console.error("Uncaught", e[what]);
  });
}

let active = 0;
let beat;
function begin() {
  if (active++ || beat) return;
  beat = setInterval(() => {
    if (active) return say("a");
    clearInterval(beat);
    beat = undefined;
  }, 50);
}

// An answer says how much goes on after it, so that the worker is not ended before what it said
// on stdout is read.
function told(response, waits) {
  const headers = new Headers(response.headers);
  headers.set("x-fluxbase-waits", String(waits));
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

let handler;
async function answer(request, info) {
  const id = request.headers.get("x-fluxbase-invocation") ?? "";
  const at = { id, waits: 0 };
  say("b", id);
  begin();
  const url = request.url;
  // Over a unix socket the scheme is one that no library knows.
  Object.defineProperty(request, "url", { value: "http" + url.slice(url.indexOf(":")) });
  const hostname = request.headers.get("x-forwarded-for")?.split(",")[0].trim() ?? "";
  try {
    const response = await invocation.run(at, handler, request, {
      remoteAddr: { transport: "tcp", hostname, port: 0 },
      completed: info.completed,
    });
    if (response instanceof Response) return at.waits && response.status !== 101 ? told(response, at.waits) : response;
    throw new TypeError("the handler returned no Response");
  } catch (error) {
    invocation.run(at, () => console.error(error));
    return new Response(null, { status: 500, headers: { "x-fluxbase-error": "1" } });
  } finally {
    active--;
  }
}

globalThis.EdgeRuntime = Object.freeze({
  waitUntil(promise) {
    const at = invocation.getStore() ?? { id: "" };
    const { id } = at;
    at.waits++;
    say("w", id);
    Promise.resolve(promise).catch((error) => console.error("Uncaught", error)).finally(() => say("d", id));
    return promise;
  },
  progress(value) {
    say("p", invocation.getStore()?.id ?? "", escape(JSON.stringify(value) ?? "null"));
  },
});

// The server is one already; Deno.serve says who answers.
function take(...args) {
  const options = args.find((arg) => typeof arg === "object" && arg !== null) ?? {};
  const given = args.find((arg) => typeof arg === "function") ?? options.handler;
  if (typeof given !== "function") throw new TypeError("A handler function must be provided.");
  const onError = options.onError;
  handler = !onError ? given : async (request, info) => {
    try {
      return await given(request, info);
    } catch (error) {
      return await onError(error);
    }
  };
  const addr = { transport: "tcp", hostname: "0.0.0.0", port: options.port ?? 8000 };
  options.onListen?.(addr);
  return { addr, finished: new Promise(() => {}), shutdown: async () => {}, ref() {}, unref() {}, [Symbol.asyncDispose]: async () => {} };
}

async function load({ entry, variables }) {
  // The last is for the resolver, which asks it again in each thread.
  for (const name of Object.keys(env.toObject())) if (name !== "RES_OPTIONS") env.delete(name);
  for (const [name, value] of variables) env.set(name, value);
  try {
    const module = await import(`file://${directory}/code/${entry.split("/").map(encodeURIComponent).join("/")}`);
    if (!handler && typeof module.default?.fetch === "function") take(module.default.fetch.bind(module.default));
    if (!handler) throw new Error("it calls no Deno.serve");
    say("o");
  } catch (error) {
    say("x", "", escape(inspect(error, { colors: false })));
  }
}

Object.defineProperty(Deno, "serve", { value: take });
for (const name of ["Worker", "caches", "localStorage", "sessionStorage"]) delete globalThis[name];

const path = directory + "/s";
await new Promise((onListen) => serve({ path, onListen }, answer));
// From here on it may write nothing, and listen nowhere.
await permissions.revoke({ name: "write" });
await permissions.revoke({ name: "write", path });
say("r");

let input = "";
const commands = new TextDecoder();
for await (const chunk of stdin.readable) {
  input += commands.decode(chunk, { stream: true });
  const end = input.indexOf("\n");
  if (end >= 0) {
    await load(JSON.parse(input.slice(0, end)));
    break;
  }
}
