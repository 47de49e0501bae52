"""Reports of a day, a week or a month, from what Prometheus and Alertmanager remember.

Data flows one way: questions are asked (`answers`), sections make facts, tables and charts of the answers
(`sections`), a frozen `Report` holds them (`model`), and a renderer turns it into one document (`page`, `markdown`,
`document`, `pdf`). Nothing here samples a source, and `serve` never imports it: the charts' library costs 60 MB.
"""
