/** `sound`: two soft notes for news, or a file of the page's own, in one tab of the browser. */

/** One sound for all that comes within so many seconds. */
const BURST = 3;
/** Seconds from the first, and hertz. */
const NOTES = [
  [0, 659],
  [0.14, 880],
];
/** What a browser takes for a sign that somebody is there; only then may a page be heard. */
const GESTURES = ["pointerdown", "keydown"];

/** @type {import("./types.d.ts").MakeSign} */
export default (bell) => {
  const life = new AbortController();
  const { signal } = life;
  /** @type {AudioContext | null} */
  let context = null;
  /** @type {Promise<AudioBuffer | null | void>} */
  let file = Promise.resolve();
  let busy = false;

  /** Allowed inside a gesture; again after a phone has interrupted it. */
  function wake() {
    if (!context) {
      context = new AudioContext();
      // What cannot be had is replaced by the notes.
      file = load(context).catch(() => {});
    }
    if (context.state !== "running") context.resume().catch(() => {});
  }

  /** @param {AudioContext} context */
  async function load(context) {
    const url = bell.getAttribute("sound");
    if (!url) return null;
    const answer = await fetch(url);
    return context.decodeAudioData(await answer.arrayBuffer());
  }

  /** @param {unknown} turn none: another tab has it */
  async function play(turn) {
    if (!turn || busy || context?.state !== "running") return;
    busy = true;
    const buffer = await file;
    if (buffer) sound(context, new AudioBufferSourceNode(context, { buffer }));
    else for (const [at, pitch] of NOTES) note(context, at, pitch);
    // The clock of what sounds: a hidden page's timers may be late by a minute.
    const rest = sound(context, new ConstantSourceNode(context, { offset: 0 }));
    rest.stop(context.currentTime + BURST);
    await new Promise((resolve) => {
      rest.addEventListener("ended", resolve);
      // A context that is closed ends nothing, and another tab waits for its turn.
      signal.addEventListener("abort", resolve);
    });
    busy = false;
  }

  for (const type of GESTURES) addEventListener(type, wake, { signal, capture: true });
  if (navigator.userActivation?.hasBeenActive) wake();
  return {
    ring() {
      if (context?.state !== "running") return;
      // Who has the lock sounds; other tabs, and the next of a burst, find it taken.
      if (navigator.locks) navigator.locks.request("alimi-sound", { ifAvailable: true }, play);
      else play(!document.hidden);
    },
    stop() {
      life.abort();
      context?.close();
    },
  };
};

/**
 * @template {AudioScheduledSourceNode} S
 * @param {AudioContext} context
 * @param {S} source
 */
function sound(context, source) {
  source.connect(context.destination);
  source.start();
  return source;
}

/** @param {AudioContext} context @param {number} at seconds from now @param {number} frequency */
function note(context, at, frequency) {
  const start = context.currentTime + at;
  const tone = new OscillatorNode(context, { frequency });
  const loudness = new GainNode(context, { gain: 0 });
  loudness.gain.setValueAtTime(0, start);
  loudness.gain.linearRampToValueAtTime(0.12, start + 0.015);
  loudness.gain.exponentialRampToValueAtTime(0.0001, start + 0.5);
  tone.connect(loudness).connect(context.destination);
  tone.start(start);
  tone.stop(start + 0.5);
}
