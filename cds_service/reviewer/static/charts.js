// Draws each <div class="chart"> from the JSON in the <script> that its data-chart names.
"use strict";
(() => {
  const COLOURS = ["#0550ae", "#a40e26", "#116329", "#7d4e00", "#6639ba", "#0a7285", "#bf3989", "#57606a"];
  const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
  const text = (unit) => (plot, value) =>
    value === null || value === undefined ? "–" : `${value.toLocaleString("en", { maximumFractionDigits: 1 })} ${unit}`;
  const moment = (step) => (plot, seconds) =>
    seconds === null ? "–" : new Date(seconds * 1000).toISOString().slice(0, step === "month" ? 7 : 10);
  const dates = (step) => (plot, ticks) =>
    ticks.map((tick) => (step === "month" ? moment(step)(plot, tick) : moment(step)(plot, tick).slice(5)));
  const lines = (data) => data.series.map((one, place) => ({
    label: one.label,
    stroke: COLOURS[place % COLOURS.length],
    dash: DASHES[place % DASHES.length],
    width: 2,
    points: { show: true, size: 5 },
    value: text(data.unit),
  }));
  const draw = (place) => {
    const data = JSON.parse(document.getElementById(place.dataset.chart).textContent);
    const size = () => ({ width: place.clientWidth, height: 260 });
    const plot = new uPlot({
      ...size(),
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: { x: { range: (self, low, high) => (low === high ? [low - 86400 * 31, high + 86400 * 31] : [low, high]) }, y: { range: (self, low, high) => [0, data.unit === "%" ? 100 : Math.max(1, high * 1.1)] } },
      axes: [{ space: 70, values: dates(data.step) }, { size: 70, values: (self, ticks) => ticks.map((tick) => text(data.unit)(self, tick)) }],
      series: [{ label: data.step, value: moment(data.step) }, ...lines(data)],
    }, [data.times, ...data.series.map((one) => one.values)], place);
    new ResizeObserver(() => plot.setSize(size())).observe(place);
  };
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-chart]").forEach(draw));
})();
