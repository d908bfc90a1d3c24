// Places on the computed scales of settings, accuracy and size: shares of an axis, from 0 at its low end to 1.

const STRETCHES = {
  category: [(value) => value, (place) => place],
  number: [(value) => value, (place) => place],
  log: [Math.log, Math.exp],
  error: [(value) => -Math.log(100 - value), (place) => 100 - Math.exp(-place)],  // accuracy in percent, by its error
};

const within = (value, { low, high }) => Math.min(high, Math.max(low, value));

// The place of a value: a number, or the text of a category.
export function placeOf(scale, value) {
  const [stretch] = STRETCHES[scale.kind], number = scale.kind === "category" ? scale.values.indexOf(value) : within(value, scale);
  const [low, high] = [stretch(scale.low), stretch(scale.high)];
  return high > low ? (stretch(number) - low) / (high - low) : 0.5;
}

// The number at a place. Categories have their numbers.
export function numberAt(scale, share) {
  const [stretch, unstretch] = STRETCHES[scale.kind], [low, high] = [stretch(scale.low), stretch(scale.high)];
  return within(unstretch(low + Math.min(1, Math.max(0, share)) * (high - low)), scale);
}

// The distinct numbers of a scale that are not categories and few enough to be listed.
export const listed = ({ kind, values }) => (kind === "category" ? [] : values.map(Number));

// An even selection of at most `limit` elements.
export const evenly = (all, limit) => {
  const every = Math.max(1, Math.ceil(all.length / limit));
  return every === 1 ? all : all.filter((_, index) => index % every === 0);
};
