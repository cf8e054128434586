# Two rows of bars, wall and CPU a message as multiples of Limpet's, from peers.csv.
# Wants: figures (the file), libraries (how many columns each), plot_file (the plot).
set terminal svg size 1200,900 font 'sans-serif,12' background 'white'
set output plot_file
set datafile separator ','
set style data histograms
set style histogram clustered gap 2
set style fill solid 0.9 noborder
set boxwidth 1
set logscale y 2
set yrange [0.25:64]
set grid ytics lc rgb '#dddddd'
set xtics rotate by 35 right nomirror
set key outside top center horizontal
array colours[7] = ['#bbbbbb', '#0b6e4f', '#d1495b', '#edae49', '#f4d58d', '#00798c', '#8d6a9f']
set multiplot layout 2,1
set title 'wall time a message, Limpet = 1 (less is better)'
plot for [i=2:libraries+1] figures using i:xtic(1) every ::1 title columnheader(i) lc rgb colours[i-1], 1 notitle lc rgb '#333333'
set title 'CPU time a message, Limpet = 1 (less is better)'
plot for [i=libraries+2:2*libraries+1] figures using i:xtic(1) every ::1 title columnheader(i) lc rgb colours[i-libraries-1], 1 notitle lc rgb '#333333'
unset multiplot
