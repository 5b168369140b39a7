/**
 * The least-squares line through points.
 * @param {[number, number][]} points at least two
 * @returns {{ at0: number, perUnit: number, fit: number }} `fit` is the coefficient of determination, 1 for points on a line
 */
export function lineThrough(points) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(points.map(([value]) => value));
  const y = mean(points.map(([, value]) => value));
  const xx = points.reduce((sum, [value]) => sum + (value - x) ** 2, 0);
  const xy = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0);
  const perUnit = xx === 0 ? 0 : xy / xx;
  const at0 = y - perUnit * x;
  const rest = points.reduce((sum, [a, b]) => sum + (b - at0 - perUnit * a) ** 2, 0);
  const whole = points.reduce((sum, [, b]) => sum + (b - y) ** 2, 0);
  return { at0, perUnit, fit: whole === 0 ? 1 : 1 - rest / whole };
}
